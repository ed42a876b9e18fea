using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;

namespace Interop.Tests.Staging;

/// <summary>The differences that <see cref="StagingPrograms"/> keeps away from: npm does the one thing, we the other. When one of
/// these fails, the programs need not keep away from it any more. Numbers as in <c>docs/differences-from-js.md</c>.</summary>
public class DeliberateDifferencesTests
{
    private const string Key = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";
    private const string Other = "@7MGlRzNLqn4ac+oVXHGkmVDXiVrCIyWMdZ6rnHb5r+4=.ed25519";
    private const string Named = "net:127.0.0.1:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Unnamed = "net:127.0.0.1:8008~noauth";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Close_LiveEntries_EndOnlyHere() // 4
    {
        JsonElement theirs = await AskAsync($"[\"stage\",\"{Unnamed}\",{{}}]", "[\"close\"]");
        using var ours = new ConnStaging();
        await using IAsyncEnumerator<StagingSnapshot> live = ours.LiveEntries(Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await live.MoveNextAsync());
        ours.Close();

        Assert.False(theirs.GetProperty("ended").GetBoolean());
        Assert.False(await live.MoveNextAsync());
    }

    [Theory] // 5
    [InlineData("stagingBirth")]
    [InlineData("stagingUpdated")]
    public async Task Stage_TimesInTheData_AreObeyedOnlyThere(string field)
    {
        string data = $"{{\"{field}\":5}}";
        Assert.Equal(5, (await StageThereAsync(Unnamed, data)).GetProperty(field).GetInt64());
        Assert.NotEqual(5, StageHere(Unnamed, data).GetProperty(field).GetInt64());
    }

    [Fact]
    public async Task Stage_MoreThanTheLimits_IsRefusedOnlyHere() // 8
    {
        string large = $"{{\"a\":\"{new string('a', 70_000)}\"}}";
        string lengthy = "net:" + new string('a', MultiserverAddress.DefaultMaxLength);
        Assert.Equal(70_000, (await StageThereAsync(Unnamed, large)).GetProperty("a").GetString()!.Length);
        Assert.Throws<ArgumentException>(() => StageHere(Unnamed, large));
        Assert.Equal(JsonValueKind.Object, (await StageThereAsync(lengthy, "{}")).ValueKind);
        Assert.Throws<FormatException>(() => StageHere(lengthy, "{}"));

        using var ours = new ConnStaging(new StagingOptions { Capacity = 1 });
        Assert.True(ours.Stage(Named));
        Assert.False(ours.Stage(Unnamed));
    }

    [Fact]
    public async Task Stage_KeyOfTheAddressNotGiven_IsFilledInOnlyHere() // 12
    {
        Assert.False((await StageThereAsync(Named, "{}")).TryGetProperty("key", out _));
        Assert.Equal(Key, StageHere(Named, "{}").GetProperty("key").GetString());
    }

    [Fact]
    public async Task Stage_KeyThatContradictsTheAddress_IsRefusedOnlyHere() // 12
    {
        string data = $"{{\"key\":\"{Other}\"}}";
        Assert.Equal(Other, (await StageThereAsync(Named, data)).GetProperty("key").GetString());
        Assert.Throws<ArgumentException>(() => StageHere(Named, data));
    }

    [Theory] // once true it stays true
    [InlineData("false")]
    [InlineData("null")]
    [InlineData("\"no\"")]
    public async Task Stage_VerifiedMadeAnythingElse_IsObeyedOnlyThere(string value)
    {
        string[] data = ["{\"verified\":true}", $"{{\"verified\":{value}}}"];
        Assert.Equal(value, (await StageThereAsync(Unnamed, data)).GetProperty("verified").GetRawText());
        Assert.True(StageHere(Unnamed, data).GetProperty("verified").GetBoolean());
    }

    [Fact] // which is no difference
    public async Task Stage_HalfOfASurrogatePair_IsKeptHereAsThere()
    {
        const string Data = """{"a":"\ud800","b\uDFFF":[{"\ud83d":"x\udc00"}]}""";
        string there = (await StageThereAsync(Unnamed, Data)).GetRawText(), here = StageHere(Unnamed, Data).GetRawText();
        foreach (string text in new[] { there, here })
            Assert.Contains(""","a":"\ud800","b\udfff":[{"\ud83d":"x\udc00"}]""", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stage_DataNestedDeeperThan60_IsRefusedOnlyHere()
    {
        string value = NastyJson.Nested(60), data = $$"""{"a":{{value}}}""";
        Assert.Equal(value, (await StageThereAsync(Unnamed, data)).GetProperty("a").GetRawText());
        Assert.Throws<JsonException>(() => StageHere(Unnamed, data));
    }

    private static JsonElement StageHere(string address, params string[] data)
    {
        using var staging = new ConnStaging();
        foreach (string one in data)
            staging.Stage(address, PeerData.Parse(one));
        return JsonElement.Parse(staging.Entries().Single().ToJson())[1];
    }

    private static async Task<JsonElement> StageThereAsync(string address, params string[] data)
    {
        string[] calls = [.. data.Select(one => $"[\"stage\",\"{address}\",{one}]"), $"[\"get\",\"{address}\"]"];
        return (await AskAsync(calls)).GetProperty("results").EnumerateArray().Last();
    }

    private static async Task<JsonElement> AskAsync(params string[] calls)
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        return (await oracle.AskAsync("staging", [$"{{\"start\":1700000000000,\"calls\":[{string.Join(',', calls)}]}}"], Cancellation))[0];
    }
}
