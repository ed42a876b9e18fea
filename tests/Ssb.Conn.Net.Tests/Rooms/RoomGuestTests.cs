using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>Whom a room knows us as, and what becomes of an attendant whose dismissal is undone.</summary>
public sealed class RoomGuestTests : RoomPeers
{
    private const string RoomSeed = "SSB+Room+PSK3TLYC2T86EHQCUHBUHASCASE18JBV24=";

    [Fact]
    public async Task Invite_OfTheFirstKind_IsDialledAsOurselves_AndAllSeeEachOther()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        var invite = MultiserverAddress.Parse($"{room.Address.Text}:{RoomSeed}");
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        Assert.Null((await Connect(alice, invite)).Guest);
        await Connect(bob, invite);
        UntilStaged(alice, id, bob.Id);
        UntilStaged(bob, id, alice.Id);
        Assert.Equal([alice.Id, bob.Id], room.Attendants.OrderBy(a => a == bob.Id));
        await Connect(alice, Tunnel(id, bob.Id));
    }

    [Fact]
    public async Task Invite_WithARealSeed_WeAreNotStagedAsTheGuest()
    {
        byte[] seed = System.Security.Cryptography.RandomNumberGenerator.GetBytes(KeyPair.SeedSize);
        using KeyPair keys = KeyPair.FromSeed(seed);
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        var invite = MultiserverAddress.Parse($"{room.Address.Text}:{Convert.ToBase64String(seed)}");
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        PeerConnection connection = await Connect(alice, invite);
        Assert.Equal(keys.Id, connection.Guest);
        Until(() => room.Attendants.Contains(keys.Id));
        await Connect(bob, room.Address);
        UntilStaged(alice, id, bob.Id); // and not the guest, who is ourselves
        UntilStaged(bob, id, keys.Id);
        Assert.DoesNotContain(alice.Id, room.Attendants);
    }

    [Fact]
    public async Task Invite_WithOurOwnSeed_WeAreNoGuest()
    {
        byte[] seed = System.Security.Cryptography.RandomNumberGenerator.GetBytes(KeyPair.SeedSize);
        using KeyPair keys = KeyPair.FromSeed(seed);
        TestRoom room = OpenRoom();
        SsbPeer alice = await StartPeer(options => options with { Keys = keys });
        Assert.Null((await Connect(alice, MultiserverAddress.Parse($"{room.Address.Text}:{Convert.ToBase64String(seed)}"))).Guest);
        Until(() => room.Attendants.Contains(alice.Id));
    }

    [Theory]
    [InlineData("dismiss"), InlineData("block"), InlineData("snooze"), InlineData("address")]
    public async Task Attend_DecisionIsUndone_IsStagedAtOnce(string how)
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer(), carol = await StartPeer();
        foreach (SsbPeer peer in (SsbPeer[])[alice, bob, carol])
            await Connect(peer, room.Address);
        UntilStaged(alice, id, bob.Id, carol.Id);
        PeerTarget target = how == "address" ? PeerTarget.From(Tunnel(id, bob.Id)) : PeerTarget.From(bob.Id);
        if (how == "block")
            alice.Conn.Block(target);
        else if (how == "snooze")
            alice.Conn.Snooze(target, TimeSpan.FromHours(1));
        else
            alice.Conn.Dismiss(target);
        UntilStaged(alice, id, carol.Id);
        Assert.True(alice.Conn.Undo(target));
        UntilStaged(alice, id, bob.Id, carol.Id); // the room tells of nobody meanwhile
        alice.Conn.Dismiss(target);
        await bob.Conn.DisconnectAsync(room.Address).WaitAsync(Guard, Token);
        Until(() => !room.Attendants.Contains(bob.Id) && DataOf(alice, room.Address).GetProperty("onlineCount").GetInt32() == 2);
        alice.Conn.Undo(target); // it has left meanwhile
        await Connect(bob, room.Address);
        UntilStaged(alice, id, bob.Id, carol.Id);
    }

    [Fact]
    public async Task Attend_SnoozeEndsByItself_IsStagedAgain()
    {
        TestRoom room = OpenRoom();
        FeedId id = KeyOf(room.Address);
        SsbPeer alice = await StartPeer(), bob = await StartPeer();
        await Connect(alice, room.Address);
        await Connect(bob, room.Address);
        UntilStaged(alice, id, bob.Id);
        alice.Conn.Snooze(PeerTarget.From(bob.Id), TimeSpan.FromMilliseconds(500)); // it is off the bench when this returns
        UntilStaged(alice, id, bob.Id); // the room tells of nobody meanwhile
    }

    [Fact]
    public async Task Room_TellsTheSameAgain_ReadersAreToldNothing()
    {
        var tell = System.Threading.Channels.Channel.CreateUnbounded<RpcValue>();
        FeedId[] attendants = [.. Enumerable.Range(0, 3).Select(_ => NewKeys().Id)];
        var list = RpcValue.RawJson(System.Text.Encoding.UTF8.GetBytes($"[{string.Join(',', attendants.Select(a => $"\"{a}\""))}]"));
        PeerNetwork server = OpenServer(new RpcApi()
            .Async("tunnel.isRoom", (_, _) => ValueTask.FromResult(RpcValue.True))
            .Source("tunnel.endpoints", (_, token) => tell.Reader.ReadAllAsync(token)));
        FeedId id = KeyOf(server.Addresses[0]);
        SsbPeer alice = await StartPeer();
        await Connect(alice, server.Addresses[0]);
        tell.Writer.TryWrite(list);
        UntilStaged(alice, id, attendants);
        Until(() => DataOf(alice, server.Addresses[0]).TryGetProperty("onlineCount", out _));
        HubPeer before = alice.Conn.Hub.Get(server.Addresses[0])!;
        long sequence = alice.Conn.Staging.Entries().Sequence;
        await using IAsyncEnumerator<IReadOnlyList<HubPeer>> hub = alice.Conn.Peers(Token).GetAsyncEnumerator(Token);
        await hub.MoveNextAsync();
        Task<bool> next = hub.MoveNextAsync().AsTask();
        for (int i = 0; i < 5; i++)
        {
            DateTimeOffset told = alice.Conn.Hub.Get(server.Addresses[0])!.HubUpdated;
            tell.Writer.TryWrite(list); // as a room of the first kind does every 10 s
            Until(() => alice.Conn.Hub.Get(server.Addresses[0])!.HubUpdated > told);
        }

        Assert.False(next.IsCompleted);
        Assert.Equal(sequence, alice.Conn.Staging.Entries().Sequence);
        Assert.Equal(before.StateSince, alice.Conn.Hub.Get(server.Addresses[0])!.StateSince);
        tell.Writer.TryWrite(RpcValue.RawJson("[]"u8.ToArray()));
        Assert.True(await next.WaitAsync(Guard, Token));
    }
}
