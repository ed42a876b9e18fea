using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ssb;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Interop.LanPeer;

/// <summary>LAN discovery into a bench, told as it changes, and announcing.</summary>
internal sealed class Peer : IAsyncDisposable
{
    private readonly TimeProvider _time = TimeProvider.System;
    private ConnStaging? _staging;
    private LanDiscovery? _discovery;
    private LanAnnouncer? _announcer;
    private Task _discovering = Task.CompletedTask;
    private Task _telling = Task.CompletedTask;

    public JsonObject Discover(JsonElement ask)
    {
        _staging = new ConnStaging(new StagingOptions
        {
            TimeToLive = StagingOptions.SsbTimeToLive,
            Capacity = Number(ask, "capacity") ?? 10_000,
            SourceCapacity = Number(ask, "sourceCapacity") ?? 1_000,
            ChangeBuffer = 1 << 16, // a flood must not make the telling skip to a snapshot
        });
        _discovery = new LanDiscovery(Options(ask));
        _telling = TellAsync(_staging.Changes());
        _discovering = StageAsync(_discovery.DiscoverAsync());
        return new JsonObject { ["discovering"] = true };
    }

    public JsonObject Announce(JsonElement ask)
    {
        using KeyPair keys = KeyPair.FromSeed([.. Enumerable.Repeat((byte)ask.GetProperty("seed").GetInt32(), KeyPair.SeedSize)]);
        _announcer = new LanAnnouncer(Options(ask), keys, MultiserverAddress.Parse(ask.GetProperty("address").GetString()!)); // a string
        _announcer.Start();
        return new JsonObject { ["announcing"] = true };
    }

    public async Task<JsonObject> SilenceAsync()
    {
        if (_announcer is not null)
            await _announcer.DisposeAsync();
        return new JsonObject { ["silent"] = true };
    }

    public JsonObject Status()
    {
        using var self = Process.GetCurrentProcess();
        var status = new JsonObject
        {
            ["cpu"] = self.TotalProcessorTime.TotalMilliseconds,
            ["workingSet"] = self.WorkingSet64,
            ["at"] = _time.GetUtcNow().ToUnixTimeMilliseconds(),
            ["sent"] = _announcer?.Sent,
            ["bench"] = _staging?.Count,
        };
        if (_discovery is not null)
        {
            LanCounters counters = _discovery.Counters;
            (status["datagrams"], status["accepted"], status["verified"]) = (counters.Datagrams, counters.Accepted, counters.Verified);
            (status["dropped"], status["coalesced"], status["offLink"]) = (counters.Dropped, counters.Coalesced, counters.OffLink);
            (status["rateLimited"], status["overBudget"]) = (counters.RateLimited, counters.OverBudget);
            foreach ((LanReject reason, long count) in counters.Rejected)
                status[reason.ToString()] = count;
            status["problems"] = string.Join("; ", _discovery.Problems.Select(problem => problem.Message));
        }

        if (_staging is not null)
            status["perSource"] = _staging.Entries().GroupBy(peer => peer.Source).Select(source => source.Count()).DefaultIfEmpty().Max();
        return new JsonObject { ["status"] = status };
    }

    public async ValueTask DisposeAsync()
    {
        await SilenceAsync();
        if (_discovery is not null)
            await _discovery.DisposeAsync();
        await _discovering;
        _staging?.Dispose();
        await _telling;
    }

    private async Task StageAsync(IAsyncEnumerable<LanAnnouncement> announcements)
    {
        await foreach (LanAnnouncement announcement in announcements)
            _staging!.TryStage(announcement); // made before
    }

    private async Task TellAsync(IAsyncEnumerable<StagingChange> changes)
    {
        await foreach (StagingChange change in changes)
        {
            (StagedPeer? peer, UnstageReason? reason) = change switch
            {
                StagingChange.Inserted inserted => (inserted.Peer, null),
                StagingChange.Updated updated => (updated.Peer, null),
                StagingChange.Removed removed => (removed.Peer, removed.Reason),
                _ => ((StagedPeer?)null, (UnstageReason?)null),
            };
            var line = new JsonObject { ["change"] = change.GetType().Name, ["at"] = _time.GetUtcNow().ToUnixTimeMilliseconds() };
            if (peer is not null)
            {
                (line["address"], line["verified"], line["source"]) = (peer.Address.Text, peer.Verified, peer.Source);
                (line["birth"], line["updated"]) = (peer.StagingBirth.ToUnixTimeMilliseconds(), peer.StagingUpdated.ToUnixTimeMilliseconds());
            }

            if (reason is not null)
                line["reason"] = reason.ToString();
            Output.Say(line);
        }
    }

    private static LanOptions Options(JsonElement ask)
    {
        var options = new LanOptions { Legacy = !ask.TryGetProperty("legacy", out JsonElement legacy) || legacy.GetBoolean() };
        if (ask.TryGetProperty("network", out JsonElement network))
            options = options with { NetworkKey = NetworkKey.Parse(network.GetString()) };
        return Number(ask, "interval") is { } interval ? options with { AnnounceInterval = TimeSpan.FromMilliseconds(interval) } : options;
    }

    private static int? Number(JsonElement ask, string name) => ask.TryGetProperty(name, out JsonElement value) ? value.GetInt32() : null;
}
