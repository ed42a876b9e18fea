using System.Text.Json;
using Interop.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using Ssb.Conn;

namespace Interop.Tests.Staging;

/// <summary>Our bench against npm ssb-conn-staging 1.0.0: the same programs of calls, under the same clock, on both.</summary>
public class StagingOracleTests
{
    private static readonly DateTimeOffset s_start = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Calls_RandomPrograms_SameResultsEventsAndEntries(int seed)
    {
        var programs = new StagingPrograms(seed);
        List<StagingCall>[] all = [.. Enumerable.Range(0, 40).Select(i => programs.Next(i % 10 == 0 ? 3_000 : 300))];
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("staging", [.. all.Select(ToJson)], Cancellation);
        for (int i = 0; i < all.Length; i++)
            await CompareAsync(all[i], theirs[i], $"seed {seed}, program {i}");
    }

    [Fact]
    public async Task ToJson_WhatJavaScriptMakesOfIt_SameBytes()
    {
        var programs = new StagingPrograms(seed: 4);
        using var staging = new ConnStaging();
        foreach (StagingCall call in programs.Next(2_000).Where(call => call.Name == "stage" && MultiserverAddress.IsValid(call.Address)))
        {
            // Keys like "10" come first in every JavaScript object, whatever its order; no such order is promised here.
            PeerData data = call.Data is null ? PeerData.Empty : PeerData.Parse(call.Data);
            staging.Stage(call.Address!, data.Without([.. data.Fields.Select(f => f.Key).Where(name => int.TryParse(name, out _))])); // a stage has one
        }

        string[] ours = [.. staging.Entries().Select(peer => peer.ToJson())];
        Assert.True(ours.Length > 20, $"only {ours.Length} entries");
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("stringify", ours, Cancellation);
        Assert.Equal(theirs.Select(text => System.Text.Encoding.UTF8.GetString(text[0].GetBytesFromBase64())), ours);
    }

    private static string ToJson(List<StagingCall> calls) =>
        $"{{\"start\":{s_start.ToUnixTimeMilliseconds()},\"calls\":[{string.Join(",", calls.Select(call => call.ToJson()))}]}}";

    private static async Task CompareAsync(List<StagingCall> calls, JsonElement theirs, string program)
    {
        var clock = new FakeTimeProvider(s_start);
        using var staging = new ConnStaging(new StagingOptions { TimeProvider = clock, ChangeBuffer = 1 << 16 });
        IAsyncEnumerable<StagingEvent> events = staging.Listen(Cancellation);
        await using IAsyncEnumerator<StagingSnapshot> live = staging.LiveEntries(Cancellation).GetAsyncEnumerator(Cancellation);
        int i = 0;
        foreach (JsonElement expected in theirs.GetProperty("results").EnumerateArray())
        {
            StagingCall call = calls[i++];
            if (call.Name == "close")
            {
                do
                {
                    Assert.True(await live.MoveNextAsync());
                }
                while (live.Current.Sequence < staging.Entries().Sequence);
                AssertEntries(theirs.GetProperty("live"), live.Current, $"{program}, live entries");
            }

            Run(staging, clock, call, expected, $"{program}, call {i}: {call.ToJson()}");
        }

        Assert.Equal(calls.Count, i);
        Assert.True(theirs.GetProperty("events").GetArrayLength() > calls.Count / 20, $"{program} has few events");
        var ours = new List<string>();
        await foreach (StagingEvent e in events) // ends, since the bench was closed
            ours.Add($"{e.Type} {e.Address!.Text}".ToUpperInvariant()); // none was missed, so each has an address
        Assert.Equal(theirs.GetProperty("events").EnumerateArray().Select(e => $"{e[0].GetString()} {e[1].GetString()}".ToUpperInvariant()), ours);
        Assert.False(await live.MoveNextAsync());
    }

    private static void Run(ConnStaging staging, FakeTimeProvider clock, StagingCall call, JsonElement expected, string where)
    {
        string address = call.Address ?? "";
        try
        {
            switch (call.Name)
            {
                case "tick":
                    clock.Advance(TimeSpan.FromMilliseconds(call.Milliseconds));
                    break;
                case "stage":
                    AssertBool(expected, staging.Stage(address, call.Data is null ? null : PeerData.Parse(call.Data)), where);
                    break;
                case "unstage":
                    AssertBool(expected, staging.Unstage(address), where);
                    break;
                case "get" when staging.Get(address) is { } peer:
                    AssertData(expected, peer, where);
                    break;
                case "get":
                    Assert.True(expected.ValueKind == JsonValueKind.Null, where);
                    break;
                case "entries":
                    AssertEntries(expected, staging.Entries(), where);
                    break;
                case "close":
                    staging.Close();
                    break;
            }
        }
        catch (Exception e) when (e is FormatException or ArgumentException or ObjectDisposedException)
        {
            Assert.True(expected.ValueKind == JsonValueKind.String && expected.GetString() == "error", $"{where}: {e.Message}");
        }
    }

    private static void AssertBool(JsonElement expected, bool actual, string where) =>
        Assert.True(expected.ValueKind == (actual ? JsonValueKind.True : JsonValueKind.False), $"{where}: npm gave {expected}, we {actual}");

    private static void AssertEntries(JsonElement expected, StagingSnapshot actual, string where)
    {
        Assert.Equal(expected.EnumerateArray().Select(entry => entry[0].GetString()), actual.Select(peer => peer.Address.Text));
        foreach ((JsonElement entry, StagedPeer peer) in expected.EnumerateArray().Zip(actual))
            AssertData(entry[1], peer, where);
    }

    /// <summary>The same fields, each with the same bytes; their order does not matter.</summary>
    private static void AssertData(JsonElement expected, StagedPeer peer, string where)
    {
        JsonElement actual = JsonElement.Parse(peer.ToJson())[1];
        Assert.True(JsonElement.DeepEquals(expected, actual), $"{where}: npm has {expected}, we {actual}");
        Dictionary<string, string> theirs = expected.EnumerateObject().ToDictionary(field => field.Name, field => field.Value.GetRawText());
        Assert.All(actual.EnumerateObject(), field => Assert.Equal(theirs[field.Name], field.Value.GetRawText()));
        Assert.Equal(expected.GetProperty("stagingBirth").GetInt64(), peer.StagingBirth.ToUnixTimeMilliseconds());
        Assert.Equal(expected.GetProperty("stagingUpdated").GetInt64(), peer.StagingUpdated.ToUnixTimeMilliseconds());
    }
}
