using System.Diagnostics;
using System.Globalization;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>A peer sends as fast as it can, over loopback, and our readers are slower: everything arrives, and memory stays
/// bounded.</summary>
/// <remarks>By default little is sent, so that this takes seconds. With <c>SSB_CONN_SLOW_READER_MB=1024</c> each row moves that many
/// megabytes, pauses are of 5 s, and the rates are the whole ones; <c>SSB_CONN_SLOW_READER_OUT</c> names a file to which each row appends
/// its figures, and
/// <c>SSB_CONN_SLOW_READER_ROW</c> the only row, such as <c>js pauses</c>.</remarks>
public class RpcSlowReaderTests(ITestOutputHelper output)
{
    private const int Mebibyte = 1024 * 1024;

    private static readonly int s_whole = int.Parse(Environment.GetEnvironmentVariable("SSB_CONN_SLOW_READER_MB") ?? "0", CultureInfo.InvariantCulture);

    private static readonly string? s_only = Environment.GetEnvironmentVariable("SSB_CONN_SLOW_READER_ROW");

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(15);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>What is read how: megabytes a second, a pause after so many megabytes, a call to the peer for each item, a second
    /// stream.</summary>
    private sealed record Reading(int Rate = 0, int PauseAfter = 0, bool Calls = false, bool HasSecond = false, int Item = 65_536);

    public static TheoryData<string, string> Rows
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string sender in (string[])["js", "ours"])
            {
                foreach (string reading in (string[])["200", "20", "5", "pauses", "calls", "large calls", "plain calls", "plain large calls", "two"])
                {
                    if (s_only is null || $"{sender} {reading}" == s_only)
                        rows.Add(sender, reading);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Source_ReadSlowlyInOneWay_ArrivesWhole(string sender, string how)
    {
        bool isPlain = how.StartsWith("plain", StringComparison.Ordinal);
        Reading reading = how switch
        {
            "pauses" => new Reading(PauseAfter: s_whole > 0 ? 100 : 20),
            "calls" or "plain calls" => new Reading(Calls: true),
            "large calls" or "plain large calls" => new Reading(Calls: true, Item: Mebibyte),
            "two" => new Reading(Rate: 20, HasSecond: true),
            _ => new Reading(Rate: int.Parse(how, CultureInfo.InvariantCulture)),
        };
        // An answer comes behind all that the peer has sent by then: the more there is, the longer each call takes.
        int megabytes = s_whole > 0 ? s_whole : how switch
        {
            "200" => 100,
            "pauses" => 45,
            "20" or "two" or "calls" => 30,
            _ => 12,
        };
        var procedures = new RpcProcedures();
        var events = new List<RpcEvent>();
        RpcOptions served = new() { Api = procedures.Api, Permissions = RpcPermissions.All };
        // The bounds of a whole peer, or of nobody in particular, as they come.
        RpcOptions bounded = (isPlain ? new RpcOptions() : new Ssb.Conn.Net.PeerNetworkLimits().Rpc) with { OnEvent = events.Add };
        await using var host = new RpcHost(id => bounded);
        await using var far = new RpcHost(id => served);
        await using RpcPeer? peer = sender == "js" ? await RpcPeer.StartAsync(seed: 1, host.Keys.Id) : null;
        RpcConnection rpc = peer is null ? await host.ConnectAsync(far) : await host.ConnectAsync(peer);

        int count = (int)((long)megabytes * Mebibyte / reading.Item);
        long memory = 0, held = 0, reserve = 0, file = 0;
        long start = Stopwatch.GetTimestamp();
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task watch = WatchAsync();
        string result = "whole";
        try
        {
            Task slow = ReadAsync(rpc, reading, count);
            Task fast = reading.HasSecond ? ReadAsync(rpc, reading with { Rate = 0 }, count) : Task.CompletedTask;
            await Task.WhenAll(slow, fast).WaitAsync(s_patience, TimeProvider.System, Cancellation);
        }
        catch (RpcException e)
        {
            result = e.Message;
        }

        await watching.CancelAsync();
        await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        string row = string.Create(CultureInfo.InvariantCulture,
            $"{sender} | {how} | {megabytes} MB | {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s | held {held / 1e6:0.0} MB | reserve {reserve / 1e6:0.0} MB | file {file / 1e6:0.0} MB | resident {memory / 1e6:0} MB | {result}");
        output.WriteLine(row);
        if (Environment.GetEnvironmentVariable("SSB_CONN_SLOW_READER_OUT") is { } rows)
            await File.AppendAllTextAsync(rows, row + "\n", Cancellation);
        Assert.Equal("whole", result);
        Assert.Empty(events);
        Assert.False(rpc.Completion.IsCompleted);
        Assert.InRange(held, 1, bounded.MaxHeldBytes + bounded.MaxBodySize);
        Assert.InRange(reserve, 0, bounded.ReserveBytes);
        Assert.InRange(file, 0, bounded.ReserveFileBytes);

        async Task WatchAsync()
        {
            while (true)
            {
                held = Math.Max(held, rpc.Held.Bytes);
                reserve = Math.Max(reserve, rpc.Reserve.Bytes);
                file = Math.Max(file, rpc.Reserve.FileBytes);
                memory = Math.Max(memory, Environment.WorkingSet);
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, watching.Token);
            }
        }
    }

    private static async Task ReadAsync(RpcConnection rpc, Reading reading, int count)
    {
        int seen = 0;
        long bytes = 0, sincePause = 0;
        long start = Stopwatch.GetTimestamp();
        await foreach (RpcValue item in rpc.Source("test.bytes", [count, reading.Item]).WithCancellation(Cancellation))
        {
            Assert.Equal((RpcValueKind.Binary, reading.Item), (item.Kind, item.Bytes.Length));
            Assert.True(item.Bytes.Span[0] == seen % 251 && item.Bytes.Span[^1] == seen % 251, $"item {seen}");
            seen++;
            bytes += reading.Item;
            sincePause += reading.Item;
            if (reading.Calls)
                Assert.Equal(seen, (await rpc.CallAsync("test.give", [seen], Cancellation)).AsJson().GetInt32());
            if (reading.Rate > 0 && TimeSpan.FromSeconds((double)bytes / reading.Rate / 1e6) - Stopwatch.GetElapsedTime(start) is { TotalMilliseconds: > 20 } early)
                await Task.Delay(early, TimeProvider.System, Cancellation);
            if (reading.PauseAfter > 0 && sincePause >= (long)reading.PauseAfter * Mebibyte)
            {
                sincePause = 0;
                await Task.Delay(TimeSpan.FromSeconds(s_whole > 0 ? 5 : 1.5), TimeProvider.System, Cancellation);
            }
        }

        Assert.Equal(count, seen);
    }
}
