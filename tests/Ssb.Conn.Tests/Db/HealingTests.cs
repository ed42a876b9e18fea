using System.Text;

namespace Ssb.Conn.Tests.Db;

/// <summary>Files that came to harm: what can be read of them is read, and nothing that was in them is thrown away.</summary>
public class HealingTests
{
    private static readonly string s_whole = Whole(5);

    public static TheoryData<string, string, int[]> Damages => new()
    {
        // name, text, the entries that survive
        { "cut off in an entry", s_whole[..Inside(4)], [0, 1, 2, 3] },
        { "cut off in the first entry", s_whole[..Inside(0)], [] },
        { "cut off behind an entry", s_whole[..s_whole.LastIndexOf("\n}", StringComparison.Ordinal)], [0, 1, 2, 3, 4] },
        { "cut off behind a comma", s_whole[..(s_whole.LastIndexOf("  },", StringComparison.Ordinal) + 4)], [0, 1, 2, 3] },
        { "the start is lost", s_whole[Inside(0)..], [1, 2, 3, 4] },
        { "zeros in the middle", Replace(Inside(2), 5, "\0\0\0\0\0"), [0, 1, 3, 4] },
        { "zeros from one entry into the next", Replace(Inside(1), Inside(2) - Inside(1), new string('\0', Inside(2) - Inside(1))), [0, 3, 4] },
        { "a missing brace in the middle", s_whole.Remove(s_whole.IndexOf('}', Inside(2)), 1), [0, 1, 3, 4] },
        { "the last brace of an entry missing", s_whole.Remove(s_whole.IndexOf("  },", Inside(2), StringComparison.Ordinal), 4), [0, 1, 3, 4] },
        { "a missing comma between entries", s_whole.Remove(s_whole.IndexOf("},", Inside(2), StringComparison.Ordinal) + 1, 1), [0, 1, 2, 3, 4] },
        { "two missing commas", s_whole.Remove(s_whole.IndexOf("},", Inside(3), StringComparison.Ordinal) + 1, 1).Remove(s_whole.IndexOf("},", Inside(1), StringComparison.Ordinal) + 1, 1), [0, 1, 2, 3, 4] },
        { "a name without its quote", Replace(s_whole.IndexOf("\": {", Inside(1), StringComparison.Ordinal), 1, ""), [0, 2, 3, 4] },
        { "two entries damaged", Replace(Inside(3), 3, "}]{").Remove(Inside(1), 3), [0, 2, 4] },
        { "words behind", s_whole + "and so on", [0, 1, 2, 3, 4] },
        { "the end of a longer file behind", s_whole + s_whole[Inside(3)..], [0, 1, 2, 3, 4] },
        { "a closing brace too many", s_whole + "}", [0, 1, 2, 3, 4] },
        { "Windows line ends, cut off", s_whole[..Inside(3)].Replace("\n", "\r\n", StringComparison.Ordinal), [0, 1, 2] },
        { "an array of it", $"[{s_whole}]", [0, 1, 2, 3, 4] },
        { "an array of an object", "[{\"address\": \"net:a.example:1~noauth\"}]", [] },
        { "two values", "null null", [] },
        { "an array without its end", "[", [] },
        { "a word", "x", [] },
        { "a comment", "// of a person\n" + s_whole, [0, 1, 2, 3, 4] },
        { "too deep an entry", Replace(Inside(2), 0, $"\"deep\": {new string('[', 20_000)}{new string(']', 20_000)}, "), [0, 1, 3, 4] },
    };

    [Theory, MemberData(nameof(Damages))]
    public async Task Open_DamagedFile_KeepsItBeside_AndWritesWhatSurvives(string what, string text, int[] survive)
    {
        Assert.NotEmpty(what);
        using var folder = new DbFolder(text);
        string[] addresses = [.. survive.Select(i => Given.Address(i).Text)];
        await using (ConnDb db = await folder.OpenAsync())
        {
            Assert.Equal(addresses, db.Addresses().Order(StringComparer.Ordinal));
            Assert.All(db.Entries(), e => Assert.Equal(Data(Array.IndexOf(addresses, e.Address.Text) is var i ? survive[i] : -1), e.Data));
            Assert.Equal(folder.In("conn.json.damaged"), db.DamagedFile);
        }

        Assert.Equal(text, await File.ReadAllTextAsync(folder.In("conn.json.damaged")));
        await using ConnDb again = await folder.OpenAsync();
        Assert.Null(again.DamagedFile); // it is healed
        Assert.Equal(survive.Length, again.Count);
        Assert.Equal(["conn.json", "conn.json.damaged", "conn.lock"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory] // as there, where the entries of such a value are none, or no peers
    [InlineData("[]"), InlineData("null"), InlineData("3"), InlineData("\"x\""), InlineData("true"), InlineData(" [ ]\n"), InlineData("\uFEFFnull"), InlineData("[1, \"x\", [null]]")]
    public async Task Open_JsonThatIsNoObject_IsEmptyAndNoDamage(string text)
    {
        using var folder = new DbFolder(text);
        await using (ConnDb db = await folder.OpenAsync())
        {
            Assert.Equal(0, db.Count);
            Assert.Null(db.DamagedFile);
            Assert.Equal(text.TrimStart('\uFEFF'), folder.Text); // nothing is written before something changes
            db.Set(Given.Address(1));
        }

        Assert.Equal(["conn.json", "conn.lock"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
        await using ConnDb again = await folder.OpenAsync();
        Assert.Equal(1, again.Count);
    }

    [Fact]
    public async Task Open_EndOfAnOlderFileBehindTheObject_DoesNotOverrideIt()
    {
        // As a file is left by a program that writes over it without cutting it to length.
        using var folder = new DbFolder(s_whole + s_whole[Inside(2)..].Replace("\"failure\": 4", "\"failure\": 99", StringComparison.Ordinal));
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(4, db.Get(Given.Address(4))!.Failure);
        Assert.Equal(5, db.Count);
    }

    [Fact]
    public async Task Open_DamagedAgain_KeepsEachUnderAnotherName()
    {
        using var folder = new DbFolder();
        for (int i = 1; i <= 12; i++)
        {
            folder.Text = s_whole + i;
            await using ConnDb db = await folder.OpenAsync();
            int n = Math.Min(i, 10);
            string kept = folder.In(n == 1 ? "conn.json.damaged" : $"conn.json.damaged-{n}");
            Assert.Equal(kept, db.DamagedFile);
            Assert.Equal(s_whole + i, await File.ReadAllTextAsync(kept)); // the tenth is the newest, the first nine stay
        }

        Assert.Equal(s_whole + 1, await File.ReadAllTextAsync(folder.In("conn.json.damaged")));
        Assert.Equal(10, Directory.GetFiles(folder.Path, "conn.json.damaged*").Length);
    }

    [Fact]
    public async Task Open_BytesThatAreNoUtf8_ReadsTheRest_WithWhatJavaScriptPutsInTheirPlace()
    {
        byte[] text = Encoding.UTF8.GetBytes(s_whole.Replace("\"type\": \"pub\"", "\"name\": \"a#z\"", StringComparison.Ordinal));
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '#')
                text[i] = 0xFF;
        }

        using var folder = new DbFolder();
        await File.WriteAllBytesAsync(folder.Conn, text);
        await using ConnDb db = await folder.OpenAsync();
        Assert.Equal(5, db.Count);
        Assert.True(db.Get(Given.Address(3))!.TryGet("name", out System.Text.Json.JsonElement name));
        Assert.Equal("a\uFFFDz", name.GetString());
        Assert.Equal(text, await File.ReadAllBytesAsync(db.DamagedFile!)); // as it was, and not as it was read
    }

    [Fact]
    public async Task Open_ByteOrderMark_IsNoDamage()
    {
        using var folder = new DbFolder();
        await File.WriteAllTextAsync(folder.Conn, s_whole, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        await using ConnDb db = await folder.OpenAsync();
        Assert.Null(db.DamagedFile);
        Assert.Equal(5, db.Count);
    }

    [Theory]
    [InlineData(""), InlineData("\0\0\0\0\0\0\0\0"), InlineData(" \r\n\t"), InlineData("\uFEFF")]
    public async Task Open_FileOfNothing_IsEmpty_AndKeepsNothingBeside(string text)
    {
        using var folder = new DbFolder(text);
        await using ConnDb db = await folder.OpenAsync();
        Assert.Empty(db.Entries());
        Assert.Null(db.DamagedFile);
        db.Set(Given.Address(1));
        await db.FlushAsync();
        Assert.Contains(Given.Address(1).Text, folder.Text, StringComparison.Ordinal);
    }

    [Fact] // each cut and each flipped bit of a file: it opens, and what it gives was in the file
    public async Task Read_AnyCutOrFlippedBit_GivesAddressesOfTheFile()
    {
        byte[] whole = Encoding.UTF8.GetBytes(Whole(3));
        for (int at = 0; at < whole.Length; at++)
        {
            ConnFileContent cut = ConnFile.Read(whole.AsMemory(0, at));
            Assert.Equal(Enumerable.Range(0, cut.Peers.Count).Select(i => Given.Address(i)), cut.Peers.All.Select(p => p.Address));
            Assert.Equal(at > 0, cut.IsDamaged);

            byte[] flipped = [.. whole];
            flipped[at] ^= (byte)(1 << (at % 8));
            byte[] before = [.. flipped];
            ConnFileContent content = ConnFile.Read(flipped);
            Assert.True(content.Peers.Count + content.Others.Count >= 1, $"bit of byte {at}: {content.Peers.Count} peers");
            Assert.Equal(before, flipped); // which is kept as damaged after it was read
        }

        await Task.CompletedTask;
    }

    [Fact]
    public async Task Read_ManyDamages_TakesOneReadingOfTheFile()
    {
        // At 40,000 damages a copy of the rest of the file for each would be 40 GB.
        string entry = "\n  \"net:a.example:1~noauth\": { \"a\": [ },";
        byte[] text = Encoding.UTF8.GetBytes("{" + string.Concat(Enumerable.Repeat(entry, 40_000)));
        ConnFileContent content = await Task.Run(() => ConnFile.Read(text)).WaitAsync(Patience.Guard, TimeProvider.System);
        Assert.True(content.IsDamaged);
        Assert.Equal(0, content.Peers.Count);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ConnFile.Read(text);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 50L * text.Length, $"allocated {allocated:N0} bytes for a file of {text.Length:N0}");
    }

    private static string Replace(int at, int length, string with) => s_whole[..at] + with + s_whole[(at + length)..];

    private static PeerData Data(int i) => PeerData.Parse($$$"""{"key":"{{{Given.FeedId(i)}}}","type":"pub","failure":{{{i}}},"duration":{"mean":1.5,"count":2}}""");

    // Somewhere in the data of entry i of s_whole.
    private static int Inside(int i) => s_whole.IndexOf("\"type\"", s_whole.IndexOf(Given.Address(i).Text, StringComparison.Ordinal), StringComparison.Ordinal);

    private static string Whole(int count) => "{\n" + string.Join(",\n", Enumerable.Range(0, count).Select(i => $$"""
          "{{Given.Address(i).Text}}": {
            "key": "{{Given.FeedId(i)}}",
            "type": "pub",
            "failure": {{i}},
            "duration": {
              "mean": 1.5,
              "count": 2
            }
          }
        """.ReplaceLineEndings("\n"))) + "\n}";
}
