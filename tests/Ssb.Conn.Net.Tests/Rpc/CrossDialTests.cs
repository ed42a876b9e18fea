using Ssb.Conn.Net.Tests.Rooms;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rpc;

/// <summary>Two peers that dial each other at the same moment.</summary>
public sealed class CrossDialTests : RoomPeers
{
    /// <param name="later">How much later the second dials, in milliseconds: from the same moment to when the first has connected.</param>
    [Theory]
    [InlineData(0), InlineData(1), InlineData(2), InlineData(5), InlineData(20)]
    public async Task Connect_BothAtOnce_OneConnectionIsLeft_AndItIsTheSameOnBothSides(int later)
    {
        for (int round = 0; round < 12; round++)
            await ConnectBoth(later);
    }

    [Fact]
    public async Task Scheduler_BothDialEachOther_NobodySeesTheOtherLeave()
    {
        SsbPeer alice = await StartScheduled(), bob = await StartScheduled();
        await using IAsyncEnumerator<HubEvent> events = alice.Conn.Hub.Listen(Token).GetAsyncEnumerator(Token);
        alice.Conn.Stage(bob.Addresses[0], new PeerData { Type = "lan", Verified = true });
        bob.Conn.Stage(alice.Addresses[0], new PeerData { Type = "lan", Verified = true });
        Until(() => alice.Network.Connections.Count == 1 && bob.Network.Connections.Count == 1
            && alice.Conn.Hub.Entries() is [{ State: HubState.Connected }] && bob.Conn.Hub.Entries() is [{ State: HubState.Connected }]);
        Assert.Empty(alice.Conn.Staging.Entries());
        Assert.Empty(bob.Conn.Staging.Entries());
        await alice.Conn.Hub.DisposeAsync();
        var seen = new List<HubEvent>();
        while (await events.MoveNextAsync())
            seen.Add(events.Current);
        Assert.Single(seen, e => e.Type == HubEventType.Connected);
    }

    private async Task ConnectBoth(int later)
    {
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        using var start = new Barrier(2);
        Task[] dials = [Task.Run(() => Dial(alice, bob, 0), Token), Task.Run(() => Dial(bob, alice, later), Token)];
        await Task.WhenAll(dials).WaitAsync(Guard, Token);
        for (bool isUsed = false; !isUsed;)
        {
            Until(IsSettled);
            try
            {
                await alice.Network.Find(bob.Id)!.Rpc.CallAsync("manifest", cancellationToken: Token).WaitAsync(Guard, Token);
                isUsed = IsSettled();
            }
            catch (RpcException)
            {
                // The other dial was still under way, and its connection took the place of this one.
            }
        }

        // One connection, which one of them has dialled, and no call that still shakes hands.
        bool IsSettled() => alice.Network.Counters.Handshakes == 0 && bob.Network.Counters.Handshakes == 0
            && alice.Network.Connections.ToArray() is [var ofAlice] && bob.Network.Connections.ToArray() is [var ofBob] && ofAlice.IsClient != ofBob.IsClient
            && !ofAlice.Closed.IsCompleted && !ofBob.Closed.IsCompleted && IsAlone(alice, ofAlice) && IsAlone(bob, ofBob);

        static bool IsAlone(SsbPeer peer, PeerConnection connection) =>
            peer.Conn.Hub.Entries() is [{ State: HubState.Connected } entry] && ReferenceEquals(connection, peer.Conn.Hub.GetConnection(entry.Address));

        void Dial(SsbPeer from, SsbPeer to, int delay)
        {
            start.SignalAndWait(Guard, Token);
            if (delay > 0)
                Token.WaitHandle.WaitOne(delay);
            from.Conn.ConnectAsync(to.Addresses[0], cancellationToken: Token).WaitAsync(Guard, Token).GetAwaiter().GetResult();
        }
    }

    private Task<SsbPeer> StartScheduled() => StartPeer(o => o with
    {
        Conn = Unhurried.Conn with { Scheduler = new SchedulerOptions { Interval = TimeSpan.FromMilliseconds(50), SoonAfterStage = TimeSpan.FromMilliseconds(1) } },
    });
}
