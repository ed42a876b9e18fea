using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The commands that talk to a running peer, against one in this process.</summary>
public class ControlTests
{
    private const string Key = "mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=";
    private const string Other = "pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Seed = "c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ=";

    private static readonly string s_address = $"net:192.168.1.4:8008~shs:{Key}";
    private static readonly string s_invite = $"net:192.168.1.5:8008~shs:{Other}:{Seed}";

    public static TheoryData<string> RemoteCommands => ["staged", "peers", "db", "stage", "unstage", "connect", "disconnect", "remember", "forget", "dismiss", "rules", "why"];

    [Theory]
    [InlineData("stage INVITE"), InlineData("connect INVITE"), InlineData("remember INVITE"), InlineData("ping INVITE"), InlineData("why INVITE"), InlineData("dismiss INVITE")]
    [InlineData("INVITE"), InlineData("staged INVITE"), InlineData("staged --INVITE"), InlineData("start --host INVITE"), InlineData("start --master INVITE")]
    [InlineData("start --port SEED"), InlineData("start --duration SEED"), InlineData("start --interface SEED"), InlineData("start --network-key SEED+")]
    [InlineData("staged --remote INVITE"), InlineData("staged --remote net:a:1 --secret SEED"), InlineData("staged --timeout SEED"), InlineData("completion SEED")]
    [InlineData("discover --announce INVITE --secret /nonesuch"), InlineData("discover --neighbours SEED"), InlineData("stage net:a:1 --data SEED")]
    [InlineData("staged --path INVITE"), InlineData("why @KEY.ed25519 --path INVITE"), InlineData("staged https://room.example/join?token=SEED")]
    [InlineData("stage net:a:SEED"), InlineData("stage net:a:1~shs:SEEDSEED"), InlineData("ping net:a:1~shs2:SEED")]
    public async Task Run_TypedWrongly_DoesNotRepeatASecret(string line)
    {
        string typed = line.Replace("INVITE", $"pub.example:8008:@{Key}.ed25519~SEED", StringComparison.Ordinal).Replace("SEED", Seed, StringComparison.Ordinal).Replace("KEY", Key, StringComparison.Ordinal);
        (int code, string output, string error) = await Cli.RunAsync(typed.Split(' '));
        Assert.NotEqual(0, code);
        Assert.NotEqual("", output + error);
        Assert.DoesNotContain(Seed[..16], output + error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("8008", false), InlineData("pub.example.com", false), InlineData("~/.ssb/secret", false), InlineData("/home/somebody/programs/scuttlebutt/with-a-long-name/secret", false)]
    [InlineData($"@{Key}.ed25519", false), InlineData("some-interface0", false), InlineData("a question?", false)]
    [InlineData("https://room.example/join?token=abc", true), InlineData("ssb:experimental?invite=abc", true), InlineData("ws://user:word@a:1", true)]
    [InlineData(Seed, true), InlineData($"a:1:@{Key}.ed25519~x", true), InlineData($"@{Key}.ed25519:{Seed}", true), InlineData("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", true)]
    public void MayHoldSecret_TypedText_IsToldApart(string typed, bool may) => Assert.Equal(may, Typed.MayHoldSecret(typed));

    [Fact]
    public async Task Staged_PeersOfAllSorts_AreAnAlignedTableWithoutSecretsOrControlCharacters()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000));
        await using var peer = new PeerStandIn();
        peer.Set("staged", $$"""
            [["{{s_address}}",{"key":"@{{Key}}.ed25519","type":"lan","stagingBirth":999995000,"stagingUpdated":999998000}],
             ["{{s_invite}}",{"type":"evil\u001b[2J\ntype","stagingBirth":"soon"}],
             ["not an address",{}], "nonsense", [1,2], ["net:a:1",null]]
            """);

        (int code, string output, string error) = await Cli.RunAsync(time, ["staged", .. peer.Options]);

        Assert.Equal((0, ""), (code, error));
        Assert.Equal(
            $"""
            PEER        TYPE           AGE  HEARD  ADDRESS
            @mUIhsJF1…  lan            5s   2s     {s_address}
            @pAhDcHju…  evil?[2J?type  -    -      net:192.168.1.5:8008~shs:{Other}:***
            ?           -              -    -      not an address

            """.ReplaceLineEndings("\n"),
            output);
        Assert.DoesNotContain(Seed, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_OfAllKinds_AreATableWithoutSecrets_AndJsonAsThePeerSaidIt()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000));
        await using var peer = new PeerStandIn();
        peer.Answers["conn.rules"] = _ => JsonElement.Parse($$"""
            [{"target":"@{{Key}}.ed25519","kind":"block","since":0},
             {"target":"{{s_invite}}","kind":"dismiss","since":999995000,"until":1003600000},
             {"target":"{{s_address}}","kind":"disconnect","since":999940000,"until":1000540000}, {"kind":"new\u001b[2J"}]
            """);
        Assert.Equal(
            (0, $"""
            RULE          SINCE  ENDS         TARGET
            blocked       11d    when undone  @{Key}.ed25519
            dismissed     5s     in 60m       net:192.168.1.5:8008~shs:{Other}:***
            disconnected  60s    in 9m        {s_address}
            new?[2J       -      when undone  ?

            """.ReplaceLineEndings("\n"), ""),
            await Cli.RunAsync(time, ["rules", .. peer.Options]));
        (int code, string json, _) = await Cli.RunAsync(["rules", "--json", .. peer.Options]);
        Assert.Equal(0, code);
        Assert.StartsWith($$"""{"target":"@{{Key}}.ed25519","kind":"block","since":0}""" + "\n", json, StringComparison.Ordinal);
        Assert.Equal(5, json.Split('\n').Length);

        peer.Answers["conn.rules"] = _ => JsonElement.Parse("[]");
        Assert.Equal((0, "No peer is blocked, dismissed or disconnected.\n", ""), await Cli.RunAsync(["rules", .. peer.Options]));
        Assert.Equal((0, "", ""), await Cli.RunAsync(["rules", "--json", .. peer.Options]));
        peer.Answers["conn.rules"] = _ => true;
        Assert.Equal((1, ""), await Cli.RunAsync(["rules", .. peer.Options]) is var (failed, nothing, _) ? (failed, nothing) : default);
    }

    [Fact]
    public async Task Staged_AsJson_IsOneWholeEntryALineAsThePeerSaidIt()
    {
        await using var peer = new PeerStandIn();
        peer.Set("staged", $$"""
            [["{{s_invite}}", {"more":{"a":[1, 2]},  "text":"x\ny"}],
             ["{{s_address}}", {}]]
            """);

        (int code, string output, _) = await Cli.RunAsync(["staged", "--json", .. peer.Options]);

        Assert.Equal(0, code);
        Assert.Equal($$"""["{{s_invite}}",{"more":{"a":[1,2]},"text":"x\ny"}]""" + "\n" + $$"""["{{s_address}}",{}]""" + "\n", output);
    }

    [Fact]
    public async Task Peers_AndDb_HaveColumnsOfTheirOwn()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000));
        await using var peer = new PeerStandIn();
        peer.Set("peers", $$"""[["{{s_address}}",{"inferredType":"lan","state":"connected","stateChange":1,"hubUpdated":999990000,"hubStateSince":999940000}]]""");
        peer.Set("db", $$"""[["{{s_address}}",{"type":"pub","failure":3,"birth":1,"stateChange":999000000}]]""");

        (_, string peers, _) = await Cli.RunAsync(time, ["peers", .. peer.Options]);
        (_, string book, _) = await Cli.RunAsync(time, ["db", .. peer.Options]);

        Assert.Equal($"PEER        TYPE  STATE      SINCE  ADDRESS\n@mUIhsJF1…  lan   connected  60s    {s_address}\n", peers);
        Assert.Equal($"PEER        TYPE  FAILED  SINCE  ADDRESS\n@mUIhsJF1…  pub   3       16m    {s_address}\n", book);
    }

    [Theory]
    [InlineData("peers", "\"hubBirth\":999000000,\"hubUpdated\":999990000,\"hubStateSince\":999200000", "13m")] // what was told of it 10 s ago is no other state
    [InlineData("peers", "\"hubBirth\":999200000,\"hubUpdated\":999990000,\"stateChange\":999999000", "≤13m")] // a JavaScript peer, which does not tell
    [InlineData("peers", "\"hubBirth\":999200000,\"hubUpdated\":999200900", "13m")]
    [InlineData("peers", "\"hubUpdated\":999990000", "-")]
    [InlineData("peers", "\"hubStateSince\":\"now\"", "-")]
    [InlineData("db", "\"birth\":5", "-")] // there was neither an attempt nor a connection
    [InlineData("db", "\"birth\":5,\"stateChange\":999200000", "13m")]
    public async Task Since_IsWhatIsKnown_AndNeverAnotherTime(string command, string data, string since)
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000));
        await using var peer = new PeerStandIn();
        peer.Set(command, $$"""[["{{s_address}}",{"type":"pub","state":"connected",{{data}}}]]""");

        (_, string table, _) = await Cli.RunAsync(time, [command, .. peer.Options]);

        string row = table.Split('\n')[1];
        Assert.Equal(since, row.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3]);
    }

    [Theory]
    [InlineData("staged", "Nobody is staged.\n")]
    [InlineData("peers", "Nobody is connected.\n")]
    [InlineData("db", "The address book is empty.\n")]
    public async Task List_OfNobody_SaysSoAndAsJsonIsNothing(string command, string sentence)
    {
        await using var peer = new PeerStandIn();

        Assert.Equal((0, sentence, ""), await Cli.RunAsync([command, .. peer.Options]));
        Assert.Equal((0, "", ""), await Cli.RunAsync([command, "--json", .. peer.Options]));
    }

    [Theory]
    [InlineData("stage", "true", "Staged {0}.", "true")]
    [InlineData("stage", "false", "{0} was staged before, and has its data updated; or it is connected.", "false")]
    [InlineData("unstage", "true", "Unstaged {0}.", "true")]
    [InlineData("unstage", "false", "{0} was not staged.", "false")]
    [InlineData("connect", "{\"id\":\"@mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=.ed25519\",\"more\":1}",
        "Connected with @mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=.ed25519.", "{\"id\":\"@mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=.ed25519\"}")]
    [InlineData("connect", "{\"_events\":{}}", "Connected with {0}.", "{}")]
    [InlineData("disconnect", "true", "Disconnected from {0}.", "true")]
    [InlineData("disconnect", "false", "{0} was not connected.", "false")]
    [InlineData("remember", "false", "Remembered {0}.", "null")]
    [InlineData("forget", "false", "Forgot {0}.", "null")]
    public async Task Act_OnAnAddress_CallsThePeerAndTellsItsAnswer(string command, string answer, string sentence, string result)
    {
        await using var peer = new PeerStandIn();
        peer.Answers[$"conn.{command}"] = _ => JsonElement.Parse(answer);

        Assert.Equal((0, string.Format(CultureInfo.InvariantCulture, sentence, s_address) + "\n", ""), await Cli.RunAsync([command, s_address, .. peer.Options]));
        Assert.Equal(
            (0, $"{{\"did\":\"{command}\",\"address\":\"{s_address}\",\"result\":{result}}}\n", ""),
            await Cli.RunAsync([command, s_address, "--json", .. peer.Options]));
        Assert.Equal($"""conn.{command} ["{s_address}"]""", await NextCallAsync(peer));
    }

    [Theory]
    [InlineData("net:192.168.1.4:8008", "it names no key")]
    [InlineData("net:192.168.1.4:99999~shs:" + Key, "port '99999' is not a number from 1 to 65535")]
    [InlineData("net:192.168.1.4:8008~shs:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "is mistyped")]
    [InlineData("https://example.org", "it names no key")]
    [InlineData("garbage", "it names no key")]
    public async Task Act_AddressThatNobodyCanDial_IsMisuse_AndThePeerIsNotAsked(string address, string reason)
    {
        await using var peer = new PeerStandIn();
        foreach (string command in (string[])["stage", "connect", "remember"])
        {
            (int code, string output, string error) = await Cli.RunAsync([command, address, .. peer.Options]);
            Assert.Equal((2, ""), (code, output));
            Assert.Contains(reason, error, StringComparison.Ordinal);
        }

        foreach (string command in (string[])["unstage", "disconnect", "forget", "why"])
            await Cli.RunAsync([command, address, .. peer.Options]);
        for (int i = 0; i < 4; i++)
            Assert.DoesNotMatch("conn.(stage|connect|remember) ", await NextCallAsync(peer)); // what takes something away is passed on
        Assert.False(peer.Calls.Reader.TryRead(out _));
    }

    [Theory]
    [InlineData("bt:AA.BB~shs:" + Other, "'bt' is no transport that can be dialled here")]
    [InlineData("net:127.0.0.1:8008~noauth", "'noauth' (no handshake) is dialled at 'unix' sockets only")]
    public async Task Act_AddressThatThePeerCannotDial_FailsWithItsReason(string address, string reason)
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-test").FullName;
        try
        {
            using KeyPair keys = SecretFile.Create(Path.Combine(folder, "secret"));
            await using SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with { Keys = keys, Listen = ["net:127.0.0.1:0~shs"] }, TestContext.Current.CancellationToken);
            string[] options = ["--remote", peer.Addresses[0].Text, "--secret", Path.Combine(folder, "secret"), "--timeout", "3m"];
            foreach (string command in (string[])["stage", "connect", "remember"])
            {
                (int code, string output, string error) = await Cli.RunAsync([command, address, .. options]);
                Assert.Equal((1, ""), (code, output));
                Assert.Contains(reason, error, StringComparison.Ordinal);
            }

            (int whyCode, string why, _) = await Cli.RunAsync(["why", address, .. options]);
            Assert.Equal(0, whyCode);
            Assert.Contains($"can never be dialled here: {reason}", why, StringComparison.Ordinal);
            Assert.Equal((0, 0, 3), (peer.Conn.Staging.Count, peer.Conn.Db.Count, peer.Conn.AdmissionCounters.Refused[RefusalReason.Undiallable]));
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Theory]
    [InlineData("nowhere", "refused", 1)]
    [InlineData("staged", "refused", 0)]
    [InlineData("nowhere", "staged", 0)]
    public async Task Stage_PeerAnswersFalse_IsAFailureIfItSaysThatItRefused(string where, string what, int expected)
    {
        await using var peer = new PeerStandIn();
        peer.Answers["conn.why"] = _ => JsonElement.Parse($$"""
            {"subject":"{{s_address}}","routes":[{"address":"{{s_address}}","where":"{{where}}","failures":0,"outlook":"x"}],
             "history":[{"at":1,"what":"{{what}}","reason":"dismissed","address":"{{s_address}}"}]}
            """);
        (int code, _, string error) = await Cli.RunAsync(["stage", s_address, .. peer.Options]);
        Assert.Equal(expected, code);
        Assert.Equal(expected == 1, error.EndsWith($"refused to stage {s_address}: dismissed\n", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("staged staged"), InlineData("start ./start"), InlineData("forget forget net:h:1")]
    public async Task Run_NameOfTheCommandAgain_IsNotExpectedThere(string line)
    {
        (int code, _, string error) = await Cli.RunAsync([.. line.Split(' '), .. (string[])["--path", "/nonesuch"]]);

        Assert.Equal(2, code);
        Assert.Contains("ssb-conn: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_PeerThatAnswersFalse_Fails()
    {
        await using var peer = new PeerStandIn(ours: false); // as npm ssb-conn-hub answers for who is disconnecting, or dialled too long
        peer.Answers["conn.connect"] = _ => RpcValue.False;

        (int code, string output, string error) = await Cli.RunAsync(["connect", s_address, .. peer.Options]);

        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("ssb-conn: not connected: it is being dialled already, or disconnected from; ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Staged_AsJson_HasNothingThatATerminalTakesForACommand()
    {
        await using var peer = new PeerStandIn();
        peer.Set("staged", "[[\"" + s_address + "\",{\"name\":\"\\u009b31mred\\u007f\u0085\"}]]");

        (_, string output, _) = await Cli.RunAsync(["staged", "--json", .. peer.Options]);

        Assert.DoesNotContain(output.TrimEnd('\n'), char.IsControl);
        Assert.Equal("\u009b31mred\u007f\u0085", JsonElement.Parse(output)[1].GetProperty("name").GetString());
    }

    [Theory]
    [InlineData("stage")]
    [InlineData("connect")]
    [InlineData("remember")]
    public async Task Act_WithTypeAndData_SendsThemWithTheKey(string command)
    {
        await using var peer = new PeerStandIn();
        peer.Answers["conn.connect"] = _ => RpcValue.True;

        (int code, _, string error) = await Cli.RunAsync([command, s_address, "--type", "pub", "--data", "{\"name\":\"a \\\"pub\\\"\", \"n\":[1, 2]}", .. peer.Options]);

        Assert.Equal((0, ""), (code, error));
        Assert.Equal(
            $$"""conn.{{command}} ["{{s_address}}",{"key":"@{{Key}}.ed25519","type":"pub","name":"a \"pub\"","n":[1,2]}]""", await NextCallAsync(peer));
    }

    [Fact]
    public async Task Act_WithAnInvite_SendsTheSeedAndShowsItOnlyInJson()
    {
        await using var peer = new PeerStandIn();

        (_, string text, _) = await Cli.RunAsync(["remember", s_invite, .. peer.Options]);
        (_, string json, _) = await Cli.RunAsync(["remember", s_invite, "--json", .. peer.Options]);
        peer.Answers["conn.connect"] = call => throw new RpcException($"could not dial {call.Argument(0)}");
        (int code, _, string error) = await Cli.RunAsync(["connect", s_invite, .. peer.Options]);

        Assert.Equal($"Remembered net:192.168.1.5:8008~shs:{Other}:***.\n", text);
        Assert.Contains(Seed, json, StringComparison.Ordinal);
        Assert.Equal($"""conn.remember ["{s_invite}"]""", await NextCallAsync(peer));
        Assert.Equal(1, code);
        Assert.Contains("could not dial net:192.168.1.5", error, StringComparison.Ordinal);
        Assert.DoesNotContain(Seed, error, StringComparison.Ordinal);
    }

    /// <summary>Each spelling of a peer or an address, and what the peer is asked about.</summary>
    public static TheoryData<string, string> Spellings
    {
        get
        {
            string key = Other, safe = Other.Replace('+', '-').Replace('/', '_'), id = $"@{Other}.ed25519";
            string address = $"net:192.168.1.4:8008~shs:{Other}";
            return new TheoryData<string, string>
            {
                { id, id }, { key, id }, { key[..43], id }, { $"{key}.ed25519", id }, { $"ssb:feed/ed25519/{safe}", id }, { $"ssb:feed/classic/{safe}", id },
                { $"ssb://feed/ed25519/{safe}", id }, { $"ssb:feed:ed25519:{safe}", id }, { $"ssb:feed/classic/{safe[..43]}", id }, { address, address },
                { $"ssb:address/multiserver?multiserverAddress={Uri.EscapeDataString(address)}", address },
                { $"ssb://address/multiserver?multiserverAddress={Uri.EscapeDataString(address)}", address },
                { $"ssb:address:multiserver?multiserverAddress={address}", address },
            };
        }
    }

    [Theory, MemberData(nameof(Spellings))]
    public async Task Act_EachSpelling_IsAboutWhatItNames(string typed, string named)
    {
        await using var peer = new PeerStandIn();
        string address = $"net:192.168.1.4:8008~shs:{Other}";
        string entries = $$"""[["net:10.0.0.1:8008~shs:{{Key}}",{}],["{{address}}",{"state":"connecting"}]]""";
        foreach (string pool in (string[])["staged", "peers", "db"])
            peer.Set(pool, entries);
        bool isPeer = named.StartsWith('@');
        foreach (string command in (string[])["dismiss", "why", "unstage", "disconnect", "forget", "connect", "stage", "remember"])
        {
            peer.Answers[$"conn.{command}"] = _ => command == "why" ? JsonElement.Parse("""{"subject":"x","routes":[],"history":[]}""") : true;
            (int code, _, string error) = await Cli.RunAsync([command, typed, .. peer.Options]);
            if (isPeer && command is ("stage" or "remember"))
            {
                Assert.Equal(2, code); // a peer is no address to stage
                continue;
            }

            Assert.Equal((0, ""), (code, error));
            string asked = command is "dismiss" or "why" || !isPeer ? named : address;
            Assert.StartsWith($"""conn.{command} ["{asked}""", await NextCallAsync(peer), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("bob"), InlineData("bob:8008"), InlineData("https://example.org"), InlineData("localhost:8008"), InlineData("net:h:99999")]
    [InlineData("ssb:message/sha256/pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0="), InlineData("ssb:blob/sha256/pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=")]
    [InlineData("ssb:feed/bendybutt-v1/pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0="), InlineData("ssb:feed/classic/short"), InlineData("ssb:experimental?action=x")]
    [InlineData("ssb:address/multiserver?multiserverAddress=bob"), InlineData("%pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.sha256")]
    public async Task Act_TargetThatNamesNobody_IsMisuse_AndThePeerIsNotAsked(string typed)
    {
        await using var peer = new PeerStandIn();
        foreach (string command in (string[])["dismiss", "why", "connect", "stage", "remember"])
        {
            if (command == "why" && !typed.StartsWith("ssb:", StringComparison.Ordinal))
                continue; // which tells of every address whether it can be dialled
            (int code, string output, string error) = await Cli.RunAsync([command, typed, .. peer.Options]);
            Assert.Equal((2, ""), (code, output));
            Assert.Matches(command is "dismiss" or "why" ? "TARGET: The target is neither a feed id" : "it takes something like|Not a multiserver address", error);
        }

        Assert.False(peer.Calls.Reader.TryRead(out _));
    }

    [Fact]
    public async Task Act_FeedIdWithSeveralAddresses_IsAboutAllOfThem()
    {
        await using var peer = new PeerStandIn();
        string first = $"net:10.0.0.1:8008~shs:{Other}", second = $"net:10.0.0.2:8008~shs:{Other}", bare = "net:10.0.0.3:8008";
        peer.Set("staged", $$"""[["{{first}}",{}],["{{s_address}}",{}],["{{second}}",{}],["{{bare}}",{"key":"@{{Other}}.ed25519"}]]""");
        peer.Answers["conn.unstage"] = call => call.Argument(0)?.GetString() != second;

        (int code, string output, string error) = await Cli.RunAsync(["unstage", $"@{Other}.ed25519", .. peer.Options]);
        Assert.Equal((0, $"Unstaged {first}.\n{second} was not staged.\nUnstaged {bare}.\n", ""), (code, output, error));
        for (int i = 0; i < 3; i++)
            await NextCallAsync(peer);
        (_, string json, _) = await Cli.RunAsync(["unstage", $"@{Other}.ed25519", "--json", .. peer.Options]);
        Assert.Equal($$"""{"did":"unstage","address":"{{first}}","result":true}""", json.Split('\n')[0]);
    }

    [Theory]
    [InlineData("unstage", "was not staged", "false"), InlineData("disconnect", "was not connected", "false"), InlineData("forget", "was not in the address book", "false")]
    public async Task Act_FeedIdThatIsNotThere_SaysSo(string command, string said, string result)
    {
        await using var peer = new PeerStandIn();
        Assert.Equal((0, $"@{Other}.ed25519 {said}.\n", ""), await Cli.RunAsync([command, $"@{Other}.ed25519", .. peer.Options]));
        Assert.Equal((0, $$"""{"did":"{{command}}","key":"@{{Other}}.ed25519","result":{{result}}}""" + "\n", ""), await Cli.RunAsync([command, $"@{Other}.ed25519", "--json", .. peer.Options]));
        Assert.False(peer.Calls.Reader.TryRead(out _));
    }

    [Fact]
    public async Task Connect_FeedId_TriesTheBenchThenTheBook_UntilOneWorks()
    {
        await using var peer = new PeerStandIn();
        string id = $"@{Other}.ed25519";
        static string A(int n) => $"net:10.0.0.{n}:8008~shs:{Other}";
        peer.Set("staged", $$"""[["{{A(1)}}",{"stagingUpdated":1}],["{{A(2)}}",{"stagingUpdated":2}],["net:10.0.0.9:8008",{"key":"{{id}}"}]]""");
        peer.Set("db", $$"""[["{{A(3)}}",{"failure":5}],["{{A(4)}}",{"failure":0}],["{{A(1)}}",{}]]""");
        peer.Answers["conn.connect"] = call => call.Argument(0)?.GetString() == A(3) ? JsonElement.Parse($$"""{"id":"{{id}}"}""") : throw new RpcException("no");

        (int code, string output, string error) = await Cli.RunAsync(["connect", id, .. peer.Options]);
        Assert.Equal((0, $"Connected with {id}.\n"), (code, output));
        Assert.Equal(3, error.Split("ssb-conn: not connected: no (net:10.0.0.").Length - 1);
        foreach (int n in (int[])[2, 1, 4, 3])
            Assert.Equal($$"""conn.connect ["{{A(n)}}"]""", await NextCallAsync(peer));
    }

    [Fact]
    public async Task Connect_FeedIdThatIsConnectedOrUnknown_SaysSo()
    {
        await using var peer = new PeerStandIn();
        string id = $"@{Other}.ed25519";
        (int code, string output, string error) = await Cli.RunAsync(["connect", id, .. peer.Options]);
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith($"ssb-conn: no address of {id} is known to the peer", error, StringComparison.Ordinal);
        peer.Set("db", $$"""[["net:10.0.0.9:8008",{"key":"{{id}}"}]]""");
        (code, _, error) = await Cli.RunAsync(["connect", id, .. peer.Options]);
        Assert.Equal(1, code);
        Assert.Contains("none of the addresses of", error, StringComparison.Ordinal);
        peer.Set("peers", $$"""[["net:10.0.0.8:8008~shs:{{Other}}",{"state":"connecting"}]]"""); // it has left the bench, and its dial is joined
        peer.Answers["conn.connect"] = _ => JsonElement.Parse($$"""{"id":"{{id}}"}""");
        Assert.Equal((0, $"Connected with {id}.\n", ""), await Cli.RunAsync(["connect", id, .. peer.Options]));
        Assert.Equal($$"""conn.connect ["net:10.0.0.8:8008~shs:{{Other}}"]""", await NextCallAsync(peer));
        peer.Set("peers", $$"""[["net:10.0.0.9:50000~shs:{{Other}}",{"state":"connected"}]]""");
        Assert.Equal((0, $"{id} is connected already.\n", ""), await Cli.RunAsync(["connect", id, .. peer.Options]));
        Assert.False(peer.Calls.Reader.TryRead(out _));
    }

    [Fact]
    public async Task Act_FeedIdOfWhichOneAddressFails_DoesTheRest()
    {
        await using var peer = new PeerStandIn();
        static string A(int n) => $"net:10.0.0.{n}:8008~shs:{Other}";
        peer.Set("staged", $"[[\"{A(1)}\",{{}}],[\"{A(2)}\",{{}}]]");
        peer.Answers["conn.unstage"] = call => call.Argument(0)?.GetString() == A(1) ? throw new RpcException("not now") : true;
        (int code, string output, string error) = await Cli.RunAsync(["unstage", $"@{Other}.ed25519", .. peer.Options]);
        Assert.Equal((1, $"Unstaged {A(2)}.\n"), (code, output));
        Assert.Contains("not now", error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Connect_Fails_SaysTheCauseWithin80Columns_AndAllOfItInJson()
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-test").FullName;
        try
        {
            using KeyPair keys = SecretFile.Create(Path.Combine(folder, "secret"));
            await using SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with { Keys = keys, Listen = ["net:127.0.0.1:0~shs"] }, TestContext.Current.CancellationToken);
            string[] options = ["--remote", peer.Addresses[0].Text, "--secret", Path.Combine(folder, "secret"), "--timeout", "3m"];
            string address = $"net:127.0.0.1:9~shs:{Other}"; // nobody discards here
            (int code, string output, string error) = await Cli.RunAsync(["connect", address, .. options]);
            Assert.Equal((1, ""), (code, output));
            Assert.StartsWith("ssb-conn: not connected: refused: nobody listens there (net:127.0.0.1:9", error[..80], StringComparison.Ordinal);
            Assert.DoesNotContain(address, error, StringComparison.Ordinal);

            (code, output, _) = await Cli.RunAsync(["connect", address, "--json", .. options]);
            Assert.Equal((1, $$"""{"did":"connect","address":"{{address}}","error":"refused: nobody listens there"}""" + "\n"), (code, output));
            (_, string why, _) = await Cli.RunAsync(["why", address, .. options]);
            Assert.Contains("refused: nobody listens there", why, StringComparison.Ordinal); // the same words
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    // That of the folder is nothing that was typed.
    [Theory]
    [InlineData("not a secret", 1, "the secret"), InlineData("{\"private\":\"hunter2\"}", 1, "the secret"), InlineData(null, 1, "neither 'socket' nor 'secret'")]
    public async Task Find_SecretOfTheFolderIsDamaged_IsAFailure(string? text, int expected, string said)
    {
        string folder = SocketFolder.Create("ssb-conn-test");
        try
        {
            if (text is not null)
                await File.WriteAllTextAsync(Path.Combine(folder, "secret"), text, TestContext.Current.CancellationToken);
            (int code, string output, string error) = await Cli.RunAsync("staged", "--path", folder);
            Assert.Equal((expected, ""), (code, output));
            Assert.Contains(said, error, StringComparison.Ordinal);
            Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Fact]
    public async Task Find_SecretThatCannotBeRead_IsAFailure()
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-test").FullName; // a folder is no file, whoever asks
        await using var peer = new PeerStandIn();
        try
        {
            foreach (string[] command in (string[][])[["staged", "--remote", peer.Address, "--secret", folder], ["ping", peer.Address, "--secret", folder], ["discover", "--announce", peer.Address, "--secret", folder]])
            {
                (int code, string output, string error) = await Cli.RunAsync(command);
                Assert.Equal((1, ""), (code, output));
                Assert.Contains($"--secret '{folder}': ", error, StringComparison.Ordinal);
            }
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    // After the handshake, where it knows who we are, and before.
    [Theory]
    [InlineData(true, "closed the connection at once: it is full, or does not want us"), InlineData(false, "is full")]
    public async Task Act_PeerIsFull_SaysThat(bool isAfterHandshake, string said)
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-test").FullName;
        try
        {
            using KeyPair keys = SecretFile.Create(Path.Combine(folder, "secret"));
            PeerNetworkLimits limits = Unhurried.Peer.Limits;
            using KeyPair own = KeyPair.Generate(); // an owner is let in however many strangers there are
            await using SsbPeer peer = await SsbPeer.StartAsync(
                Unhurried.Peer with { Keys = own, Listen = ["net:127.0.0.1:0~shs"], Limits = isAfterHandshake ? limits with { MaxCallersPerIdentity = 1 } : limits with { MaxCallers = 1, MaxLocalCallers = 1, MaxCallersPerSource = 1 } },
                TestContext.Current.CancellationToken);
            await using PeerNetwork first = PeerNetwork.Open(Unhurried.Network(keys));
            PeerConnection standing = await first.ConnectAsync(peer.Addresses[0], TestContext.Current.CancellationToken);
            await standing.Rpc.GetManifestAsync(TestContext.Current.CancellationToken); // it was let in

            (int code, string output, string error) = await Cli.RunAsync("staged", "--remote", peer.Addresses[0].Text, "--secret", Path.Combine(folder, "secret"), "--timeout", "3m");
            Assert.Equal((1, ""), (code, output));
            Assert.Contains(said, error, StringComparison.Ordinal);
            Assert.DoesNotContain("does not say what it can do", error, StringComparison.Ordinal);
            (code, output, _) = await Cli.RunAsync("ping", peer.Addresses[0].Text, "--secret", Path.Combine(folder, "secret"), "--timeout", "3m");
            Assert.Equal(1, code);
            Assert.Contains("is full", output, StringComparison.Ordinal);
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Theory]
    [InlineData(40), InlineData(50), InlineData(60), InlineData(80), InlineData(200)]
    public void TextTable_NarrowTerminal_HeadingsStandOverTheirColumns(int width)
    {
        var table = new Commands.TextTable("PEER", "TYPE", "STATE", "SINCE", "ADDRESS");
        table.Add(["@mUIhsJF1…", "room-attendant-alias", "disconnecting", "12m", s_address]);
        table.Add(["@pAhDcHju…", "lan", "connected", "5s", s_address]);
        using var output = new StringWriter { NewLine = "\n" };
        table.Write(output, width);
        string[] lines = output.ToString().TrimEnd().Split('\n');
        foreach (string line in lines[1..])
        {
            int at = line.IndexOf("net:", StringComparison.Ordinal);
            Assert.Equal(lines[0].IndexOf("ADDRESS", StringComparison.Ordinal), at);
            Assert.InRange(at, 0, width - 8);
            Assert.EndsWith(s_address, line, StringComparison.Ordinal); // whole, so that it can be copied
            foreach (string heading in (string[])["TYPE", "STATE", "SINCE"])
                Assert.Equal((' ', true), (line[lines[0].IndexOf(heading, StringComparison.Ordinal) - 1], line[lines[0].IndexOf(heading, StringComparison.Ordinal)] != ' '));
        }
    }

    [Fact]
    public async Task Dismiss_ForAWhile_SendsTheEnd()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000));
        await using var peer = new PeerStandIn();

        (int code, string output, _) = await Cli.RunAsync(time, ["dismiss", $"@{Key}.ed25519", "--for", "2h", "--json", .. peer.Options]);

        Assert.Equal((0, $$"""{"did":"dismiss","target":"@{{Key}}.ed25519","until":8200000}""" + "\n"), (code, output));
        Assert.Equal($"""conn.dismiss ["@{Key}.ed25519",8200000]""", await NextCallAsync(peer));
    }

    [Fact]
    public async Task Dismiss_AndUndo_AreCalledByName()
    {
        await using var peer = new PeerStandIn();
        peer.Answers["conn.undo"] = _ => true;

        Assert.Equal((0, $"Dismissed {s_address}.\n", ""), await Cli.RunAsync(["dismiss", s_address, .. peer.Options]));
        Assert.Equal($"""conn.dismiss ["{s_address}"]""", await NextCallAsync(peer));
        Assert.Equal((0, $"{s_address} may come back.\n", ""), await Cli.RunAsync(["dismiss", s_address, "--undo", .. peer.Options]));
        Assert.Equal($"""conn.undo ["{s_address}"]""", await NextCallAsync(peer));
    }

    [Fact]
    public async Task Why_AReport_IsToldInWordsWithoutSecretsAndAsItIsInJson()
    {
        var note = new PeerNote(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000), "connecting-failed", "refused\e[2J", MultiserverAddress.Parse(s_invite), "lan:eth0/10.0.0.1");
        var other = FeedId.Parse($"@{Other}.ed25519");
        var report = new WhyReport(
            PeerTarget.From(other), other, 2, null,
            [new WhyRoute(MultiserverAddress.Parse(s_invite), "staged", "lan:eth0/10.0.0.1", 3, "nobody answered", "It waits", DateTimeOffset.FromUnixTimeMilliseconds(2_000_000))],
            [note]);
        await using var peer = new PeerStandIn();
        peer.Answers["conn.why"] = _ => JsonElement.Parse(report.ToJson());

        (int code, string text, _) = await Cli.RunAsync(["why", $"@{Other}.ed25519", .. peer.Options]);
        (_, string json, _) = await Cli.RunAsync(["why", $"@{Other}.ed25519", "--json", .. peer.Options]);

        Assert.Equal(0, code);
        Assert.Equal(
            $"""
            @{Other}.ed25519, 2 hops away.
              net:192.168.1.5:8008~shs:{Other}:*** is staged, told of by lan:eth0/10.0.0.1. It waits (about 1970-01-01 00:33:20Z at the earliest). Failed 3 times. The last error: nobody answered
              1970-01-01 00:16:40Z connecting-failed: refused?[2J (told of by lan:eth0/10.0.0.1)

            """.ReplaceLineEndings("\n"),
            text);
        Assert.Equal(report.ToJson() + "\n", json);
        Assert.Equal($"""conn.why ["@{Other}.ed25519"]""", await NextCallAsync(peer));
    }

    [Theory]
    [InlineData("", "T.", "Nothing is known of it now.")]
    [InlineData("\"hops\":-1", "T, blocked in the social graph.", "Nothing is known of it now.")]
    [InlineData("\"hops\":1", "T, 1 hop away.", "Nothing is known of it now.")]
    [InlineData("\"hops\":0", "T, the peer itself.", "Nothing is known of it now.")]
    [InlineData("\"ourselves\":true", "T: this is the peer itself, which it neither stages nor dials.")]
    [InlineData("\"ourselves\":false", "T.", "Nothing is known of it now.")]
    [InlineData("\"key\":\"K\"", "T is K.", "Nothing is known of it now.")]
    [InlineData("\"key\":\"T\"", "T.", "Nothing is known of it now.")]
    [InlineData("\"rule\":{\"kind\":\"block\",\"since\":1000,\"until\":2000}", "T.", "It is blocked since 1970-01-01 00:00:01Z, until 1970-01-01 00:00:02Z.", "Nothing is known of it now.")]
    [InlineData("\"rule\":{\"kind\":\"dismiss\",\"since\":1000}", "T.", "It is dismissed since 1970-01-01 00:00:01Z.", "Nothing is known of it now.")]
    [InlineData("\"history\":[{\"at\":1000,\"what\":\"refused\",\"reason\":\"no room\",\"source\":\"pub:x\"}]", "T.", "It is neither connected, nor on the bench, nor in the address book.", "  1970-01-01 00:00:01Z refused: no room (told of by pub:x)")]
    [InlineData("\"history\":[{\"at\":1000,\"what\":\"blocked\",\"reason\":\"blocked until x\"}]", "T.", "Nothing is known of it now.", "  1970-01-01 00:00:01Z blocked until x")]
    [InlineData("\"routes\":[{\"address\":\"net:h:1\",\"where\":\"remembered\",\"outlook\":\"X\",\"retryAt\":1000,\"retryBy\":2000}]", "T.", "  net:h:1 is remembered. X (about 1970-01-01 00:00:01Z, by 1970-01-01 00:00:02Z at the latest).")]
    [InlineData("\"routes\":[{\"address\":\"net:h:1\",\"where\":\"remembered\",\"outlook\":\"X\",\"retryAt\":1000}]", "T.", "  net:h:1 is remembered. X (about 1970-01-01 00:00:01Z at the earliest).")]
    [InlineData("\"routes\":[{\"address\":\"net:h:1\",\"where\":\"remembered\",\"outlook\":\"X\",\"retryBy\":2000}]", "T.", "  net:h:1 is remembered. X (by 1970-01-01 00:00:02Z at the latest).")]
    [InlineData("\"routes\":[{\"address\":\"net:h:1\",\"where\":\"remembered\",\"outlook\":\"X\",\"failures\":1}]", "T.", "  net:h:1 is remembered. X. Failed 1 time.")]
    [InlineData("\"routes\":[{\"address\":\"net:h:1\",\"where\":\"staged\",\"source\":\"lan:x\",\"outlook\":\"X\",\"failures\":2,\"wasConnected\":true,\"lastError\":\"E\"}]", "T.", "  net:h:1 is staged, told of by lan:x. X. Failed 2 times since the last connection by this route. The last error: E")]
    [InlineData("\"routes\":[{\"outlook\":null},{\"address\":\"net:h:1\"}],\"history\":[{\"what\":\"a\",\"reason\":\"b\",\"address\":\"net:h:1\"}]", "T.", "  ? is somewhere. Nothing is said of what comes next.", "  net:h:1 is somewhere. Nothing is said of what comes next.", "   a: b, net:h:1")]
    public async Task Why_EachPartOfAReport_HasItsWords(string parts, params string[] lines)
    {
        await using var peer = new PeerStandIn();
        peer.Answers["conn.why"] = _ => JsonElement.Parse($"{{\"subject\":\"T\"{(parts.Length == 0 ? "" : ",")}{parts}}}");
        (int code, string text, _) = await Cli.RunAsync(["why", $"@{Other}.ed25519", .. peer.Options]);
        Assert.Equal((0, string.Concat(lines.Select(line => line + "\n"))), (code, text));
    }

    [Theory]
    [InlineData("self", "that is the peer itself"), InlineData("blocked", "it is blocked"), InlineData("dismissed", "it is dismissed until 2999-01-01 00:00:00Z")]
    [InlineData("remembered and blocked", "it is blocked"), InlineData("graph", "it is blocked in the social graph"), InlineData("full", "the bench is full")]
    [InlineData("connected", "it is connected already"), InlineData("connected elsewhere", "it is connected already, by another route")]
    [InlineData("new", null), InlineData("staged", null)]
    public async Task Stage_OfWhomThePeerDoesNotStage_FailsAndSaysWhy(string who, string? reason)
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-test").FullName;
        try
        {
            using KeyPair keys = SecretFile.Create(Path.Combine(folder, "secret"));
            await using SsbPeer other = await SsbPeer.StartAsync(Unhurried.Peer with { Listen = ["net:127.0.0.1:0~shs"], Conn = Unhurried.Conn with { Autostart = false } }, TestContext.Current.CancellationToken);
            await using SsbPeer peer = await SsbPeer.StartAsync(
                Unhurried.Peer with
                {
                    Keys = keys,
                    Listen = ["net:127.0.0.1:0~shs"],
                    Conn = Unhurried.Conn with { Autostart = false, SocialGraph = who == "graph" ? new Blocking() : null, Staging = new StagingOptions { Capacity = 1 } },
                },
                TestContext.Current.CancellationToken);
            MultiserverAddress address = who == "self" ? peer.Addresses[0] : other.Addresses[0];
            if (who.EndsWith("blocked", StringComparison.Ordinal))
                peer.Conn.Block(PeerTarget.From(other.Id));
            if (who.StartsWith("remembered", StringComparison.Ordinal))
                peer.Conn.Remember(address);
            if (who == "dismissed")
                peer.Conn.Dismiss(PeerTarget.From(other.Id), new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero));
            if (who is "full")
                peer.Conn.Stage(s_address);
            if (who is "staged")
                peer.Conn.Stage(address);
            if (who.StartsWith("connected", StringComparison.Ordinal))
                await peer.Conn.ConnectAsync(address, cancellationToken: TestContext.Current.CancellationToken);
            if (who == "connected elsewhere")
                address = MultiserverAddress.Parse($"ws://127.0.0.1:1~shs:{other.Id.ToBase64()}");

            string[] options = ["--remote", peer.Addresses[0].Text, "--secret", Path.Combine(folder, "secret"), "--timeout", "3m"];
            (int code, string output, string error) = await Cli.RunAsync(["stage", address.Text, .. options]);
            Assert.Equal((reason is null ? 0 : 1, reason is null), (code, error.Length == 0));
            if (reason is not null)
                Assert.EndsWith($"refused to stage {address}: {reason}\n", error, StringComparison.Ordinal);
            else
                Assert.Equal(who == "staged" ? $"{address} was staged before, and has its data updated.\n" : $"Staged {address}.\n", output);
            Assert.Equal(reason is null || who == "full" ? 1 : 0, peer.Conn.Staging.Count);
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Theory]
    [InlineData("dismiss", "conn.dismiss")]
    [InlineData("why", "conn.why")]
    public async Task Act_PeerThatLacksIt_SaysSoPlainly(string command, string procedure)
    {
        await using var peer = new PeerStandIn(ours: false);

        (int code, string output, string error) = await Cli.RunAsync([command, s_address, .. peer.Options]);

        Assert.Equal((1, ""), (code, output));
        Assert.Contains($"does not have {procedure}: it is not one of Ssb.Conn", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Act_ErrorOfThePeer_IsToldCleaned()
    {
        await using var peer = new PeerStandIn();
        peer.Answers["conn.stage"] = _ => throw new RpcException("this bench\e[2J is full.");

        (int code, string output, string error) = await Cli.RunAsync(["stage", s_address, .. peer.Options]);

        Assert.Equal((1, ""), (code, output));
        Assert.EndsWith("answered conn.stage with an error: this bench?[2J is full\n", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dismiss"), InlineData("dismiss --undo"), InlineData("dismiss --for 2h"), InlineData("why"), InlineData("stage"), InlineData("unstage"), InlineData("connect"),
     InlineData("disconnect"), InlineData("remember"), InlineData("forget")]
    public async Task Act_ErrorThatRepeatsTheAddress_MasksItsSecrets(string line)
    {
        await using var peer = new PeerStandIn();
        string[] words = line.Split(' ');
        string procedure = line == "dismiss --undo" ? "conn.undo" : $"conn.{words[0]}";
        peer.Answers[procedure] = _ => throw new RpcException($"no {s_invite}, and no {Seed}");

        (int code, string output, string error) = await Cli.RunAsync([words[0], s_invite, .. words[1..], .. peer.Options]);

        Assert.Equal((1, ""), (code, output));
        string said = $"no net:192.168.1.5:8008~shs:{Other}:***, and no ***";
        if (line == "connect")
            Assert.StartsWith($"ssb-conn: not connected: {said} (net:", error, StringComparison.Ordinal);
        else
            Assert.EndsWith($"with an error: {said}\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Act_AsAStranger_SaysWhoMay()
    {
        await using var peer = new PeerStandIn(strangers: RpcPermissions.Anonymous);
        await using var other = new PeerStandIn();

        (int code, _, string error) = await Cli.RunAsync("staged", "--remote", peer.Address, "--secret", Path.Combine(other.Folder, "secret"));
        (int actCode, _, string actError) = await Cli.RunAsync("stage", s_address, "--remote", peer.Address, "--path", other.Folder);

        Assert.Equal((1, 1), (code, actCode));
        Assert.Contains("does not let us call conn.stagedPeers: only its own identity, and its masters, may", error, StringComparison.Ordinal);
        Assert.Contains("does not let us call conn.stage:", actError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Find_FolderWithASocket_GoesThroughIt()
    {
        await using var peer = new PeerStandIn();
        peer.ListenOnSocket();
        peer.Set("staged", $$"""[["{{s_address}}",{}]]""");

        (int code, string output, string error) = await Cli.RunAsync("staged", "--json", "--path", peer.Folder);
        (int remoteCode, string remote, _) = await Cli.RunAsync("staged", "--json", "--path", "/nonesuch", "--remote", SocketFolder.AddressIn(peer.Folder));

        Assert.Equal((0, $$"""["{{s_address}}",{}]""" + "\n", ""), (code, output, error));
        Assert.Equal((0, output), (remoteCode, remote));
    }

    [Fact]
    public async Task Find_SocketThatNobodyListensOn_TriesTheNextAndTellsOfBoth()
    {
        string folder;
        await using (var peer = new PeerStandIn())
        {
            peer.ListenOnSocket();
            folder = SocketFolder.Create("ssb-conn-test");
            File.Copy(Path.Combine(peer.Folder, "secret"), Path.Combine(folder, "secret"));
            File.Move(Path.Combine(peer.Folder, "socket"), Path.Combine(folder, "socket"));
        }

        try
        {
            using System.Net.Sockets.Socket? port = TakePort();
            Assert.SkipWhen(port is null, "Somebody on this computer listens at 127.0.0.1:8008.");
            (int code, string output, string error) = await Cli.RunAsync("staged", "--path", folder);

            Assert.Equal((1, ""), (code, output));
            Assert.Contains($"no SSB peer answers at {folder}; is it running?", error, StringComparison.Ordinal);
            Assert.Contains("socket~noauth: ", error, StringComparison.Ordinal);
            Assert.Contains("; net:127.0.0.1:8008~shs:", error, StringComparison.Ordinal);
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Fact]
    public async Task Find_EmptyFolder_SaysWhatToDo()
    {
        string folder = SocketFolder.Create("ssb-conn-test");
        try
        {
            (int code, _, string error) = await Cli.RunAsync("peers", "--path", folder);
            Assert.Equal(1, code);
            Assert.Contains("neither 'socket' nor 'secret'", error, StringComparison.Ordinal);
            Assert.Contains("--path DIR", error, StringComparison.Ordinal);
        }
        finally
        {
            TestFolder.Delete(folder);
        }
    }

    [Fact]
    public async Task Find_PeerOfAnotherNetwork_NeedsItsKey()
    {
        NetworkKey network = NetworkKey.Generate();
        await using var peer = new PeerStandIn(network: network);

        (int wrong, _, string error) = await Cli.RunAsync(["staged", .. peer.Options]);
        (int right, _, _) = await Cli.RunAsync(["staged", "--network-key", network.ToBase64(), .. peer.Options]);

        Assert.Equal((1, 0), (wrong, right));
        Assert.Contains("no SSB peer answers", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Act_PeerThatNeverAnswers_EndsAfterTheTimeout()
    {
        var time = new FakeTimeProvider();
        await using var peer = new PeerStandIn();
        peer.Answers["conn.stage"] = _ =>
        {
            time.Advance(TimeSpan.FromSeconds(5)); // before it has answered
            return true;
        };

        (int code, string output, string error) = await Cli.RunAsync(time, ["stage", s_address, "--timeout", "5s", .. peer.Options]);

        Assert.Equal((1, ""), (code, output));
        Assert.Contains("did not answer within 5s", error, StringComparison.Ordinal);
        Assert.Contains("--timeout", error, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(RemoteCommands))]
    public async Task Help_OfEveryCommand_HasExamplesJsonAndExitCodes(string command)
    {
        (int code, string output, string error) = await Cli.RunAsync(command, "--help");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
        Assert.Contains("JSON", output, StringComparison.Ordinal);
        Assert.Contains("--remote <ADDRESS>", output, StringComparison.Ordinal);
        Assert.Contains("2 the command line was wrong", output, StringComparison.Ordinal);
        Assert.All(output.Split('\n'), line => Assert.True(line.Length <= 110, line));
    }

    [Theory]
    [InlineData("", "no command was given", "discover", "staged")]
    [InlineData("stagd", "there is no command 'stagd'", "staged")]
    [InlineData("stage", "ADDRESS is missing: it is ssb-conn stage ADDRESS")]
    [InlineData("stage nonsense!", "Not a multiserver address", "net:HOST:PORT~shs:KEY")]
    [InlineData("stage net:h:99999~shs:x", "ADDRESS 'net:h:99999~shs:x'", "net:192.168.1.4:8008~shs:KEY")]
    [InlineData("stage net:h:1 extra", "'extra' is not expected here")]
    [InlineData("stage net:h:1 --data 1", "--data", "a JSON object")]
    [InlineData("stage net:h:1 --data {", "--data", "a JSON object")]
    [InlineData("stage net:h:1 --type a --data {\"type\":\"b\"}", "--type together with --data", "leave out")]
    [InlineData("unstage net:h:1 --type a", "no option '--type'", "--path")]
    [InlineData("forget nonsense!", "Not a multiserver address")]
    [InlineData("why @nobody", "TARGET", "@KEY.ed25519")]
    [InlineData("dismiss net:h:1 --for ever", "--for 'ever'", "30m, 2h")]
    [InlineData("dismiss net:h:1 --for 1h --undo", "--undo together with --for")]
    [InlineData("staged --timeout 0", "--timeout '0'", "5s, 1m")]
    [InlineData("staged --timeout", "--timeout needs a value")]
    [InlineData("staged --json --json", "2 times")]
    [InlineData("staged --network-key abc", "44 characters of base64")]
    [InlineData("staged --remote net:h:1", "names no key")]
    [InlineData("staged --remote net:h:1~shs:mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ= --path /nonesuch", "add --secret FILE")]
    [InlineData("staged --secret /nonesuch", "there is no such file")]
    [InlineData("completion tcsh", "SHELL 'tcsh'", "bash, zsh or fish")]
    [InlineData("completion", "SHELL is missing")]
    public async Task Run_BadCommandLine_GivesTwoAndWhatWouldHaveBeenRight(string line, params string[] words)
    {
        (int code, string output, string error) = await Cli.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((2, ""), (code, output));
        Assert.All(words, word => Assert.Contains(word, error, StringComparison.Ordinal));
        Assert.Contains("--help", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, null, "", ".ssb")]
    [InlineData("/a/b", null, null, "", "/a/b")]
    [InlineData("/a/b", "test", null, "", ".test")]
    [InlineData("/a/b", "test", "/c", "", "/c")]
    [InlineData("", "", null, "", ".ssb")]
    [InlineData(null, null, null, ".ssb-conn", ".ssb-conn")] // ours, while it runs
    [InlineData(null, null, null, ".ssb-conn/neighbours", ".ssb-conn/neighbours")]
    [InlineData("/a/b", null, null, ".ssb-conn", "/a/b")]
    [InlineData(null, "test", null, ".ssb-conn", ".test")]
    public void ToSteer_AsSsbConfigDoesIt_UnlessOursRuns(string? path, string? app, string? testPath, string running, string expected)
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string folder = SsbFolder.ToSteer(
            name => name switch { "ssb_path" => path, "ssb_appname" => app, "test_path" => testPath, _ => null },
            candidate => running.Length > 0 && Slashed(candidate) == Slashed(Path.Combine(home, running)));
        Assert.Equal(Slashed(Path.Combine(home, expected)), Slashed(folder));
    }

    // A path of Windows with the slashes of others.
    private static string Slashed(string path) => path.Replace(Path.DirectorySeparatorChar, '/');

    private static async Task<string> NextCallAsync(PeerStandIn peer) =>
        await peer.Calls.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Cli.Patience, TimeProvider.System, TestContext.Current.CancellationToken);

    /// <summary>Holds 127.0.0.1:8008 without listening there, so that nobody else does; null if somebody has it.</summary>
    private static System.Net.Sockets.Socket? TakePort()
    {
        var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        try
        {
            socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 8008));
            return socket;
        }
        catch (System.Net.Sockets.SocketException)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>A social graph in which everybody is blocked.</summary>
    private sealed class Blocking : ISocialGraph
    {
        public bool IsLoaded => true;

        public int? HopsTo(FeedId feedId) => -1;
    }
}
