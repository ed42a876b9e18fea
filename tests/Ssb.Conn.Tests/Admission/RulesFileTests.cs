using System.Text;
using System.Text.Json;
using Ssb.Conn.Tests.Db;

namespace Ssb.Conn.Tests.Admission;

/// <summary>conn-rules.json as it is found: damaged, from another program, of another shape. What it says of somebody holds.</summary>
public sealed class RulesFileTests : IDisposable
{
    private readonly DbFolder _folder = new();
    private readonly LogLines _log = new();

    private static PeerTarget A => Given.Peer(1);

    private static PeerTarget B => Given.Peer(2);

    private static PeerTarget C => Given.Peer(3);

    private string Rules => _folder.In("conn-rules.json");

    public static TheoryData<string, string> Blocking => new()
    {
        { "cut behind the rule", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1}""" },
        { "cut in the next rule", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1},{"tar""" },
        { "cut in its end", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1,"until":17""" },
        { "cut behind its target", $$"""{"version":1,"rules":[{"target":"{{A}}","ki""" },
        { "a lost brace", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1,{"target":"{{B}}","kind":"dismiss","since":1}]}""" },
        { "a lost comma", $$"""{"version":1,"rules":[{"target":"{{B}}","kind":"dismiss","since":1} {"target":"{{A}}","kind":"block","since":1}]}""" },
        { "a rule in pieces before it", $$"""{"version":1,"rules":[{"target:"x"},{"target":"{{A}}","kind":"block","since":1}]}""" },
        { "zeros behind it", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1}]}""" + "\0\0\0" },
        { "the end of an older file", $$"""{"version":1,"rules":[]}"kind":"block"},{"target":"{{A}}","kind":"block","since":1}]}""" },
        { "a damaged brace", $$"""{"version":1,"rules":[["target":"{{A}}","kind":"block","since":1},{"target":"{{B}}","kind":"dismiss","since":1}]}""" },
        { "a damaged quotation mark before a name", $$"""{"version":1,"rules":[{'target":"{{A}}","kind":"block","since":1}]}""" },
        { "a damaged quotation mark behind the target", $$"""{"version":1,"rules":[{"target":"{{A}},"kind":"block","since":1}]}""" },
        { "cut at the end of its target", $$"""{"version":1,"rules":[{"target":"{{A}}""" },
        { "without the beginning", $$"""get":"{{A}}","kind":"block","since":1}]}""" },
        { "written by hand", $$"""{ rules: [ { target: '{{A}}', kind: 'block' } ] }""" },
        { "a line break in a text", "{\"version\":1,\"rules\":[{\"note\":\"a\nb\",\"target\":\"" + A + "\",\"kind\":\"block\"}]}" },
        { "the remains of a dismissal beside the block", $$"""{"version":1,"rules":["target":"{{A}}","kind":"dismiss","since":1},{"target":"{{A}}","kind":"block","since":1}]}""" },
        { "a kind of another program", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"mute","since":1}]}""" },
        { "a kind that is no text", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":{"a":1},"since":1}]}""" },
        { "no kind", $$"""{"version":1,"rules":[{"target":"{{A}}","since":1}]}""" },
        { "a kind with a lone surrogate", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"\ud800","since":1}]}""" },
        { "a name with a lone surrogate", $$"""{"version":1,"rules":[{"\ud800":1,"target":"{{A}}","kind":"block","since":1}]}""" },
        { "no time", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block"}]}""" },
        { "times that are none", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":"yesterday","until":"tomorrow"}]}""" },
        { "times out of all range", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1e300,"until":-1e300}]}""" },
        { "a beginning in the future", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":4000000000000}]}""" },
        { "an end that is null", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1,"until":null}]}""" },
        { "a target with blanks", $$"""{"version":1,"rules":[{"target":" {{A}}\n","kind":"block","since":1}]}""" },
        { "two targets in a text", $$"""{"version":1,"rules":[{"target":"{{B}}, {{A}}","kind":"block","since":1}]}""" },
        { "targets in a list", $$"""{"version":1,"rules":[{"target":["{{A}}","{{B}}"],"kind":"block","since":1}]}""" },
        { "a target in an object", $$"""{"version":1,"rules":[{"target":{"id":"{{A}}"},"kind":"block","since":1}]}""" },
        { "a target under another name", $$"""{"version":1,"rules":[{"peer":"{{A}}","kind":"mute"}]}""" },
        { "a target alone", $$"""{"version":1,"rules":["{{A}}"]}""" },
        { "a target spelled otherwise", $$"""{"version":1,"rules":[{"target":"{{A.Text.Replace("=", "", StringComparison.Ordinal)}}","kind":"block","since":1}]}""" },
        { "twice, the block first", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1},{"target":"{{A}}","kind":"dismiss","since":1}]}""" },
        { "twice, the later has ended", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1},{"target":"{{A}}","kind":"block","since":1,"until":2}]}""" },
        { "rules in an object", $$"""{"version":1,"rules":{"{{A}}":"block"} }""" },
        { "rules under a damaged name", $$"""{"version":1,"rulez":[{"target":"{{A}}","kind":"block","since":1}]}""" },
        { "two lists of rules", $$"""{"rules":[{"target":"{{A}}","kind":"block","since":1}],"version":1,"rules":[]}""" },
        { "an array instead of the object", $$"""[{"target":"{{A}}","kind":"block","since":1}]""" },
        { "one rule instead of the object", $$"""{"target":"{{A}}","kind":"block","since":1}""" },
        { "a byte order mark", "\uFEFF" + $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1}]}""" },
        { "lines of Windows", "{\r\n  \"version\": 1,\r\n  \"rules\": [\r\n    {\r\n      \"target\": \"" + A + "\",\r\n      \"kind\": \"block\",\r\n      \"since\": 1\r\n    }\r\n  ]\r\n}\r\n" },
        { "deep nesting beside it", $$"""{"version":1,"rules":[{"x":{{new string('[', 20_000)}}{{new string(']', 20_000)}} },{"target":"{{A}}","kind":"block","since":1}]}""" },
        { "deep nesting in it", $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","x":{{new string('[', 500)}}{{new string(']', 500)}} }]}""" },
    };

    [Theory, MemberData(nameof(Blocking))]
    public void Open_WhateverTheFileLooksLike_WhoIsNamedIsBlocked(string what, string text)
    {
        Assert.NotEmpty(what);
        File.WriteAllText(Rules, text);
        for (int i = 0; i < 3; i++) // as it is found, healed, and written after a decision
        {
            PeerRules rules = Open();
            Assert.Equal(PeerRuleKind.Block, rules.Find(A)?.Kind);
            Assert.Contains(rules.All, rule => rule.Target == A);
            if (rules.DamagedFile is { } kept)
                Assert.Equal((0, text), (i, File.ReadAllText(kept)));
            rules.Set(new PeerRule(C, PeerRuleKind.Dismiss, Given.Start, null));
            Assert.Equal(PeerRuleKind.Block, rules.Find(A)?.Kind);
            _ = JsonElement.Parse(File.ReadAllBytes(Rules), new JsonDocumentOptions { MaxDepth = 100_000 }); // whole
        }
    }

    [Fact]
    public void Open_CutAnywhere_WholeRulesHold()
    {
        string[] parts = [$$"""{"target":"{{A}}","kind":"block","since":1}""", $$"""{"target":"{{B}}","kind":"block","since":1}"""];
        string text = $$"""{"version":1,"rules":[{{parts[0]}},{{parts[1]}}]}""";
        for (int length = 0; length < text.Length; length++)
        {
            RulesContent content = RulesFile.Read(Encoding.UTF8.GetBytes(text[..length]), Given.Start);
            PeerTarget[] targets = [.. content.Items.SelectMany(i => i.Rules).Select(r => r.Target)];
            Assert.True(content.IsDamaged);
            Assert.Equal(length >= text.IndexOf(parts[0], StringComparison.Ordinal) + parts[0].Length, targets.Contains(A) && content.Items[0].IsUnderstood && content.Items[0].Json.Length == parts[0].Length);
            Assert.Equal(length >= text.IndexOf(parts[1], StringComparison.Ordinal) + parts[1].Length, targets.Contains(B) && content.Items[1].Json.Length == parts[1].Length);
        }
    }

    [Fact]
    public void Open_AnyByteOfARuleDamaged_NobodyNamedIsForgotten()
    {
        string[] rules = [$$"""{"target":"{{A}}","kind":"block","since":1}""", $$"""{"target":"{{B}}","kind":"dismiss","since":1,"until":4000000000000}""", $$"""{"target":"{{C}}","kind":"block","since":1}"""];
        string start = $$"""{"version":1,"rules":[{{rules[0]}},""";
        byte[] text = Encoding.UTF8.GetBytes($"{start}{rules[1]},{rules[2]}]}}");
        int target = start.Length + rules[1].IndexOf(B.Text, StringComparison.Ordinal);
        for (int at = start.Length; at < start.Length + rules[1].Length; at++)
        {
            foreach (byte damage in "\0?\"{}\n"u8.ToArray())
            {
                byte[] damaged = [.. text];
                damaged[at] = damage;
                PeerRule[] found = [.. RulesFile.Read(damaged, Given.Start).Items.SelectMany(i => i.Rules)];
                Assert.Contains(found, r => r.Target == A && r.Kind == PeerRuleKind.Block);
                Assert.Contains(found, r => r.Target == C && r.Kind == PeerRuleKind.Block);
                if (at < target || at >= target + B.Text.Length)
                    Assert.Contains(found, r => r.Target == B);
            }
        }
    }

    [Fact]
    public void Open_DamagedRuleAboutAnAddress_ItIsBlocked()
    {
        var address = MultiserverAddress.Parse($"ws://[::1]:8989/~shs:{Given.Base64(1)}");
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[["target":"{{address}}","kind":"block","since":1}]}""");
        Assert.Equal(PeerRuleKind.Block, Open().Find(address, null)?.Kind);
        Assert.Equal("", Assert.Single(Open().All).UnknownKind); // what the rule said stays lost
    }

    [Fact]
    public void Open_KindCutInsideACharacter_IsShown()
    {
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"{{new string('k', 39)}}\ud83d\ude00 and more","since":1}]}""");
        PeerRule rule = Assert.Single(Open().All);
        Assert.Contains("of the kind 'kkkk", rule.ToString(), StringComparison.Ordinal);
        Assert.Contains(_log.All, line => line.Contains("'kkkk", StringComparison.Ordinal));
    }

    [Fact]
    public void Write_WhatIsNotUnderstood_StaysInItsPlaceAsItWas()
    {
        string[] elements =
        [
            $$"""{"target":"{{A}}", "reason": "sp\u0061m", "kind":"block","since":1.0,"big":12345678901234567890}""",
            $$"""{"kind":"mute-range","range":["10.0.0.0/8", -0]}""",
            $$"""{"target":"{{B}}","kind":"mute","until":1,"a":"\ud800"}""",
            "null",
        ];
        File.WriteAllText(Rules, $$"""{"note":"first","version":2,"rules":[{{string.Join(',', elements)}}],"\ud800":1e2}""");
        PeerRules rules = Open();
        Assert.Null(rules.DamagedFile);
        Assert.Null(rules.Find(B)); // its end is understood, and over
        rules.Set(new PeerRule(C, PeerRuleKind.Dismiss, Given.Start, null));
        string[] written = [.. File.ReadAllText(Rules).Split(elements[0])];
        Assert.Equal(2, written.Length);
        Assert.StartsWith("{\n  \"note\":\"first\",\n  \"version\":2,\n  \"rules\": [", written[0], StringComparison.Ordinal);
        Assert.StartsWith($",\n    {elements[1]},\n    {elements[2]},\n    {elements[3]},\n    {{\n      \"target\": \"{C}\"", written[1], StringComparison.Ordinal);
        Assert.EndsWith("],\n  \"\\ud800\":1e2\n}", written[1], StringComparison.Ordinal);

        Open().Set(new PeerRule(A, PeerRuleKind.Dismiss, Given.Start, null)); // decided anew: its other fields stay with it
        string again = File.ReadAllText(Rules);
        Assert.Contains("\"reason\": \"sp\\u0061m\"", again, StringComparison.Ordinal);
        Assert.True(again.IndexOf(A.Text, StringComparison.Ordinal) < again.IndexOf("mute-range", StringComparison.Ordinal));
        Assert.Equal(PeerRuleKind.Dismiss, Open().Find(A)!.Kind);
    }

    [Theory]
    [InlineData("block"), InlineData("dismiss"), InlineData("mute")]
    public void Open_TargetThatIsNoPeerAndNoAddress_StaysInTheFileAndIsNoRule(string kind)
    {
        string other = $$"""{"target":"%{{Given.Base64(9)}}.sha256","kind":"{{kind}}","since":1}""";
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{{other}},{"target":"{{A}}","kind":"block","since":1}]}""");
        PeerRules rules = Open();
        Assert.Null(rules.DamagedFile);
        Assert.Equal(A, Assert.Single(rules.All).Target);
        rules.Set(new PeerRule(C, PeerRuleKind.Dismiss, Given.Start, null));
        Assert.Contains(other, File.ReadAllText(Rules), StringComparison.Ordinal);
        Assert.Equal([A, C], Open().All.Select(rule => rule.Target));
    }

    [Fact]
    public void Remove_OneOfSeveralTargets_LeavesTheOthersBlocked()
    {
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{"target":["{{A}}","{{B}}"],"kind":"mute"}]}""");
        PeerRules rules = Open();
        Assert.True(rules.Remove(A));
        foreach (PeerRules now in (PeerRules[])[rules, Open()])
        {
            Assert.Null(now.Find(A));
            Assert.Equal(PeerRuleKind.Block, now.Find(B)?.Kind);
        }
    }

    [Fact]
    public void Remove_RuleThatStandsTwice_RemovesBoth()
    {
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1},{"target":"{{A}}","kind":"mute"}]}""");
        PeerRules rules = Open();
        Assert.Single(rules.All);
        Assert.True(rules.Remove(A));
        Assert.Null(Open().Find(A));
    }

    [Fact]
    public void SetAndRemove_Closed_ThrowAndDecideNothing()
    {
        PeerRules rules = Open();
        rules.Set(new PeerRule(A, PeerRuleKind.Block, Given.Start, null));
        string before = File.ReadAllText(Rules);
        rules.Dispose();
        Assert.Throws<ObjectDisposedException>(() => rules.Set(new PeerRule(B, PeerRuleKind.Block, Given.Start, null)));
        Assert.Throws<ObjectDisposedException>(() => rules.Set(null!));
        Assert.Throws<ObjectDisposedException>(() => rules.Remove(A));
        Assert.Equal(A, Assert.Single(rules.All).Target); // connections that end are still asked about
        Assert.Equal(before, File.ReadAllText(Rules));
    }

    [Fact]
    public void Open_DamagedAgainAndAgain_KeepsEachCopy()
    {
        string rule = $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"block","since":1},""";
        for (int i = 1; i <= 12; i++)
        {
            File.WriteAllText(Rules, rule + i);
            Assert.Equal(rule + i, File.ReadAllText(Open().DamagedFile!));
            for (int earlier = 1; earlier <= Math.Min(i, 9); earlier++)
                Assert.Equal(rule + earlier, File.ReadAllText(earlier == 1 ? Rules + ".damaged" : $"{Rules}.damaged-{earlier}"));
        }

        Assert.Equal(10, Directory.GetFiles(_folder.Path, "*.damaged*").Length);
    }

    [Fact]
    public void Open_DamagedOrStrange_IsLogged()
    {
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"mu\nte","since":1},{""");
        PeerRules rules = Open();
        Assert.Contains(_log.All, line => line.Contains(rules.DamagedFile!, StringComparison.Ordinal) && line.Contains(" 1 rules", StringComparison.Ordinal));
        string strange = Assert.Single(_log.All, line => line.Contains("not understood", StringComparison.Ordinal));
        Assert.Contains("'mu?te'", strange, StringComparison.Ordinal); // on one line
    }

    [Theory]
    [InlineData("folder"), InlineData("pipe"), InlineData("socket"), InlineData("device"), InlineData("loop"), InlineData("dangling")]
    public void Open_CannotBeRead_IsAnError(string what)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes and devices of the file system are not known on Windows.");
        using IDisposable? socket = Odd.Make(what, Rules);
        IOException error = Assert.Throws<IOException>(() => Open());
        Assert.Contains(Rules, error.Message, StringComparison.Ordinal);
        Assert.Contains("dismissed or blocked", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_RuleOfAnUnknownKind_SaysSo_AndThePeerIsRefused()
    {
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{"target":"{{A}}","kind":"mute","since":1}]}""");
        await using ConnPlugin conn = await ConnPlugin.OpenAsync(new TestNetwork(), new ConnPluginOptions { Autostart = false, Folder = _folder.Path, TimeProvider = _folder.Clock });
        Assert.Equal(RefusalReason.Blocked, conn.TryStage(Given.Address(1)).Reason);
        WhyReport why = conn.Why(A);
        Assert.Equal("mute", why.Rule!.UnknownKind);
        Assert.Contains("'mute'", why.ToString(), StringComparison.Ordinal);
        Assert.Equal("mute", JsonElement.Parse(why.ToJson()).GetProperty("rule").GetProperty("unknownKind").GetString());
        Assert.Single(conn.Rules);
        Assert.True(conn.Undo(A));
        Assert.True(conn.Stage(Given.Address(1)));
    }

    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public void Open_NastyJsonInARule_TheRuleHolds_AndWhatIsJsonStays(string what, string json, string? kept)
    {
        Assert.NotEqual(what, kept);
        File.WriteAllText(Rules, $$"""{"version":1,"rules":[{"target":"{{B}}","kind":"block"},{"target":"{{A}}","kind":"block","x":{{json}}}],"more":{{json}}}""");
        for (int i = 0; i < 2; i++)
        {
            PeerRules rules = Open();
            Assert.Equal(PeerRuleKind.Block, rules.Find(A)?.Kind);
            Assert.Equal(PeerRuleKind.Block, rules.Find(B)?.Kind);
            rules.Set(new PeerRule(C, PeerRuleKind.Dismiss, Given.Start, null));
            if (!NastyJson.IsJson(json))
                continue;
            Assert.Null(rules.DamagedFile);
            Assert.Equal(2, File.ReadAllText(Rules).Split(json).Length - 1);
            Assert.All(rules.All, rule => JsonGate.Parse(Encoding.UTF8.GetBytes(rule.ToJson())));
        }
    }

    [Fact]
    public void Open_LargeFile_EachRuleHolds()
    {
        const int Count = 120_000; // more than are taken in by and by
        var text = new StringBuilder("""{"version":1,"rules":[""");
        for (int i = 0; i < Count; i++)
            text.Append(i == 0 ? "" : ",").Append($$"""{"target":"{{Given.FeedId(i)}}","kind":"block","since":1,"x":"{{new string('x', 100)}}"}""");
        File.WriteAllText(Rules, text.ToString()); // cut: without the end
        PeerRules rules = Open();
        Assert.Equal(Count, rules.Count);
        Assert.NotNull(rules.Find(Given.Peer(Count - 1)));
        Assert.Throws<InvalidOperationException>(() => rules.Set(new PeerRule(Given.Peer(Count), PeerRuleKind.Block, Given.Start, null)));
    }

    [Theory]
    [InlineData("{"), InlineData("["), InlineData("\0"), InlineData("@"), InlineData(" ")]
    public void Open_LargeFileOfNothing_HasNoRules(string letter)
    {
        byte[] text = new byte[100_000_000];
        text.AsSpan().Fill((byte)letter[0]);
        RulesContent content = RulesFile.Read(text, Given.Start);
        Assert.True(content.IsDamaged);
        Assert.Empty(content.Items);
    }

    [Fact]
    public void Open_MoreDamageThanCanBeSearched_IsAnError()
    {
        File.WriteAllText(Rules, string.Concat(Enumerable.Repeat("{\"a", 200_000)));
        Assert.Contains("more damage", Assert.Throws<IOException>(() => Open()).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private PeerRules Open() => PeerRules.Open(_folder.Path, _folder.Clock, _log);
}
