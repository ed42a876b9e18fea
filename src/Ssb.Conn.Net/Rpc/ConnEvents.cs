using System.Runtime.CompilerServices;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>What happens in hub and bench, as one stream: <c>conn.events</c>.</summary>
/// <remarks>Each pool's events are in their order. Bounded by the feeds of the two, which tell a reader that lags how many it missed.</remarks>
internal static class ConnEvents
{
    /// <summary>The events from this call on; if asked for, first who is there already.</summary>
    public static IAsyncEnumerable<RpcValue> Read(ConnPlugin plugin, bool old, CancellationToken cancellationToken)
    {
        var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken); // disposed of by the enumeration
        try
        {
            // Who comes in between is told of twice, which is better than never.
            IAsyncEnumerable<HubEvent> hub = plugin.Hub.Listen(over.Token);
            IAsyncEnumerable<StagingEvent> staging = plugin.Staging.Listen(over.Token);
            IEnumerable<RpcValue> there = old ? plugin.Hub.Entries().Select(There).Concat(plugin.Staging.Entries().Select(There)) : [];
            return ReadAsync(there, hub.Select(Of), staging.Select(Of), over, CancellationToken.None); // over is cancelled with it
        }
        catch (ObjectDisposedException e)
        {
            over.Dispose();
            throw ConnErrors.Of(e, null);
        }
    }

    private static async IAsyncEnumerable<RpcValue> ReadAsync(
        IEnumerable<RpcValue> there, IAsyncEnumerable<RpcValue> hub, IAsyncEnumerable<RpcValue> staging, CancellationTokenSource over,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource source = over;
        foreach (RpcValue peer in there)
            yield return peer;

        IAsyncEnumerator<RpcValue>[] feeds = [hub.GetAsyncEnumerator(cancellationToken), staging.GetAsyncEnumerator(cancellationToken)];
        List<Task<bool>> next = [.. feeds.Select(feed => feed.MoveNextAsync().AsTask())];
        try
        {
            while (!next.TrueForAll(task => task.IsCompletedSuccessfully && !task.Result))
            {
                Task<bool> first = await Task.WhenAny(next.Where(task => !task.IsCompletedSuccessfully || task.Result)).ConfigureAwait(false);
                int which = next.IndexOf(first);
                if (!await first.ConfigureAwait(false))
                    continue;
                yield return feeds[which].Current;
                next[which] = feeds[which].MoveNextAsync().AsTask();
            }
        }
        finally
        {
            // An enumeration is not disposed of while it waits.
            await over.CancelAsync().ConfigureAwait(false);
            foreach ((IAsyncEnumerator<RpcValue> feed, Task<bool> waiting) in feeds.Zip(next))
            {
                await ((Task)waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await feed.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private static RpcValue There(HubPeer peer) => ConnBodies.Object(writer => Write(writer, peer, HubPeer.NameOf(peer.State)));

    private static RpcValue There(StagedPeer peer) => ConnBodies.Object(writer =>
    {
        writer.WriteString("pool", "staging");
        writer.WriteString("type", "staged");
        writer.WriteString("address", peer.Address.Text);
        WriteWho(writer, peer);
    });

    private static RpcValue Of(HubEvent e) => ConnBodies.Object(writer =>
    {
        if (e.Peer is not { } peer)
        {
            WriteMissed(writer, "hub", e.Missed);
            return;
        }

        Write(writer, peer, HubEvent.NameOf(e.Type));
        writer.WriteString("reason", e.Reason);
        if (e.Error is { } error)
            writer.WriteString("error", peer.Address.Hide(error.Message));
    });

    private static RpcValue Of(StagingEvent e) => ConnBodies.Object(writer =>
    {
        writer.WriteString("pool", "staging");
        // {type, address, reason} or {type, missed}, in the words of the bench.
        foreach (JsonProperty property in JsonSerializer.SerializeToElement(e, StagingJsonContext.Default.StagingEvent).EnumerateObject())
            property.WriteTo(writer);
        if (e.Peer is { } peer)
            WriteWho(writer, peer);
    });

    private static void Write(Utf8JsonWriter writer, HubPeer peer, string type)
    {
        writer.WriteString("pool", "hub");
        writer.WriteString("type", type);
        writer.WriteString("address", peer.Address.Text);
        if (peer.FeedId is { } feedId)
            writer.WriteString("key", feedId.ToString());
        writer.WriteBoolean("isClient", !peer.IsCaller);
    }

    private static void WriteMissed(Utf8JsonWriter writer, string pool, long missed)
    {
        writer.WriteString("pool", pool);
        writer.WriteString("type", "missed");
        writer.WriteNumber("missed", missed);
    }

    private static void WriteWho(Utf8JsonWriter writer, StagedPeer peer)
    {
        if (peer.Key is { } key)
            writer.WriteString("key", key);
        if (PeerSource.ToldBy(peer.Source) is { } source)
            writer.WriteString("source", source);
    }
}
