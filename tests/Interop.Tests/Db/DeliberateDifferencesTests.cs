using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;

namespace Interop.Tests.Db;

/// <summary>The differences that <see cref="DbPrograms"/> keeps away from, and those of files: npm does the one thing, we the other.</summary>
public class DeliberateDifferencesTests
{
    private const string Key = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";
    private const string Named = "net:127.0.0.1:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Unnamed = "net:127.0.0.1:8008~noauth";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Set_BirthThatIsNoNumber_IsReplacedOnlyHere()
    {
        const string Data = """{"birth":"then"}""";
        Assert.Equal("then", (await AskAsync($"[\"set\",\"{Unnamed}\",{Data}]", $"[\"get\",\"{Unnamed}\"]"))[1].GetProperty("birth").GetString());
        await using ConnDb ours = ConnDb.InMemory();
        ours.Set(Unnamed, PeerData.Parse(Data));
        Assert.NotNull(ours.Get(Unnamed)!.Birth);
    }

    [Theory]
    [InlineData(Unnamed, "pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0")] // another spelling
    [InlineData(Named, null)] // in the address alone
    public async Task GetAddress_NotTheTextOfTheKey_FindsItOnlyHere(string address, string? key)
    {
        string data = key is null ? "{}" : $"{{\"key\":\"{key}\"}}";
        Assert.Equal(JsonValueKind.Null, (await AskAsync($"[\"set\",\"{address}\",{data}]", $"[\"getAddressForId\",\"{Key}\"]"))[1].ValueKind);
        await using ConnDb ours = ConnDb.InMemory();
        ours.Set(address, PeerData.Parse(data));
        Assert.Equal(address, ours.GetAddress(FeedId.Parse(Key))!.Text);
    }

    [Fact]
    public async Task Update_FunctionThatLeavesAFieldOut_RemovesItOnlyHere()
    {
        JsonElement[] theirs = await AskAsync($"[\"set\",\"{Unnamed}\",{{\"a\":1}}]", $"[\"changeTo\",\"{Unnamed}\",{{\"b\":2}}]", $"[\"get\",\"{Unnamed}\"]");
        Assert.Equal(1, theirs[2].GetProperty("a").GetInt32());
        await using ConnDb ours = ConnDb.InMemory();
        ours.Set(Unnamed, PeerData.Parse("""{"a":1}"""));
        ours.Update(MultiserverAddress.Parse(Unnamed), _ => PeerData.Parse("""{"b":2}"""));
        Assert.False(ours.Get(Unnamed)!.TryGet("a", out _));
    }

    [Fact]
    public async Task Set_NoData_IsAnErrorOnlyThere()
    {
        Assert.Equal("error", (await AskAsync($"[\"set\",\"{Unnamed}\",null]"))[0].GetString());
        await using ConnDb ours = ConnDb.InMemory();
        Assert.True(ours.Set(Unnamed));
    }

    [Fact]
    public async Task Set_MoreThanTheLimits_IsRefusedOnlyHere()
    {
        string large = $"{{\"a\":\"{new string('a', 70_000)}\"}}";
        string lengthy = "net:" + new string('a', MultiserverAddress.DefaultMaxLength);
        Assert.All(await AskAsync($"[\"set\",\"{Unnamed}\",{large}]", $"[\"set\",\"{lengthy}\",{{}}]"), r => Assert.Equal(JsonValueKind.True, r.ValueKind));
        await using ConnDb ours = ConnDb.InMemory(new ConnDbOptions { Capacity = 1 });
        Assert.Throws<ArgumentException>(() => ours.Set(Unnamed, PeerData.Parse(large)));
        Assert.Throws<FormatException>(() => ours.Set(lengthy));
        ours.Set(Unnamed);
        Assert.Throws<InvalidOperationException>(() => ours.Set(Named));
    }

    [Theory]
    [InlineData("""{"net:a.example:1~noauth": {"b": 1}, "net:c.example:1~noauth" }""")]
    [InlineData("""{"net:a.example:1~noauth": {"b": 1}} and more than ten characters""")]
    public async Task Open_DamagedFile_IsKeptOnlyHere(string text)
    {
        using TemporaryFolder there = new(), here = new();
        foreach (TemporaryFolder folder in (TemporaryFolder[])[there, here])
            await File.WriteAllTextAsync(Path.Combine(folder.Path, "conn.json"), text, Cancellation);
        await AskInAsync(there.Path);
        Assert.Equal(["conn.json"], Directory.GetFiles(there.Path).Select(Path.GetFileName));
        Assert.DoesNotContain("net:a", await File.ReadAllTextAsync(Path.Combine(there.Path, "conn.json"), Cancellation), StringComparison.Ordinal);
        await using ConnDb ours = await ConnDb.OpenAsync(here.Path, cancellationToken: Cancellation);
        Assert.Equal(text, await File.ReadAllTextAsync(Path.Combine(here.Path, "conn.json.damaged"), Cancellation));
        Assert.Equal(1, ours.Count);
    }

    [Theory]
    [InlineData("[]"), InlineData("3"), InlineData("true")]
    public async Task Open_JsonThatIsNoObject_IsEmptyOnBothSides(string text)
    {
        using TemporaryFolder there = new(), here = new();
        foreach (TemporaryFolder folder in (TemporaryFolder[])[there, here])
            await File.WriteAllTextAsync(Path.Combine(folder.Path, "conn.json"), text, Cancellation);
        Assert.Equal(0, (await AskInAsync(there.Path, "[\"entries\"]"))[0].GetArrayLength());
        await using ConnDb ours = await ConnDb.OpenAsync(here.Path, cancellationToken: Cancellation);
        Assert.Equal((0, null), (ours.Count, ours.DamagedFile));
    }

    [Fact]
    public async Task Open_EntriesThatAreNone_AreHandedOutOnlyThere_AndStandAtTheEndHere()
    {
        const string Text = """{"No address":{"a":1},"net:b.example:1~noauth":{"c":2}}""";
        using TemporaryFolder there = new(), here = new();
        foreach (TemporaryFolder folder in (TemporaryFolder[])[there, here])
            await File.WriteAllTextAsync(Path.Combine(folder.Path, "conn.json"), Text, Cancellation);
        Assert.Equal(2, (await AskInAsync(there.Path, "[\"entries\"]"))[0].GetArrayLength());
        await using (ConnDb ours = await ConnDb.OpenAsync(here.Path, cancellationToken: Cancellation))
        {
            Assert.Equal(1, ours.Count);
            ours.Set("net:b.example:1~noauth");
        }

        Assert.Equal(["No address", "net:b.example:1~noauth"], await NamesAsync(there.Path));
        Assert.Equal(["net:b.example:1~noauth", "No address"], await NamesAsync(here.Path));

        static async Task<string[]> NamesAsync(string folder) =>
            [.. JsonElement.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "conn.json"), Cancellation)).EnumerateObject().Select(e => e.Name)];
    }

    private static async Task<JsonElement[]> AskAsync(params string[] calls)
    {
        using var folder = new TemporaryFolder();
        return await AskInAsync(folder.Path, calls);
    }

    private static async Task<JsonElement[]> AskInAsync(string folder, params string[] calls)
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        string request = $"{{\"folder\":{NodeOracle.Quote(folder)},\"start\":1700000000000,\"calls\":[{string.Join(',', calls)}]}}";
        return [.. (await oracle.AskAsync("db", [request], Cancellation))[0].GetProperty("results").EnumerateArray()];
    }
}
