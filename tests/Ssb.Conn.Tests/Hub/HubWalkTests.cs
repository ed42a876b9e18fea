using Ssb.Conn.Simulator;

namespace Ssb.Conn.Tests.Hub;

/// <summary>Whatever happens in whatever order: once all has ended, the hub has forgotten all, and its dials are free again.</summary>
public class HubWalkTests
{
    private const int Peers = 4;
    private const int MaxDials = 3;

    private readonly VirtualTime _time = new(Given.Start);
    private readonly TestNetwork _network = new();
    private readonly List<TestConnection> _connections = [];
    private readonly List<Task> _asked = [];

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6), InlineData(7), InlineData(8)]
    public async Task Walk_OnceAllHasEnded_NothingIsLeft(int seed)
    {
        var chance = new Random(seed);
        var hub = new ConnHub(_network, new HubOptions { TimeProvider = _time, OwnFeedId = Given.FeedId(0), MaxDials = MaxDials, ChangeBuffer = 10_000 });
        await using Reading<HubEvent> events = hub.Listen().Read();
        for (int step = 0; step < 400; step++)
            Step(hub, chance);

        // The network lets go of all, and of what somebody who waited for an end dials then.
        Guards.Until(() =>
        {
            foreach (TestDial dial in _network.Dials.Where(d => !d.Done.Task.IsCompleted))
                dial.Fail("over");
            foreach (TestConnection connection in _connections)
            {
                connection.CloseError = null;
                connection.End();
            }

            _time.RunFor(TimeSpan.FromMinutes(10));
            return _asked.TrueForAll(t => t.IsCompleted) && hub.Count == 0; // nobody waits for ever, however it went
        });
        Assert.All(Enumerable.Range(1, Peers), peer => Assert.Null(hub.Get(Given.FeedId(peer))));

        // As many dials as may be can begin.
        int before = _network.Dials.Count;
        for (int i = 0; i < MaxDials; i++)
            hub.ConnectAsync(Given.Address(100 + i)).Forget();
        Assert.Equal(before + MaxDials, _network.Dials.Count);
        await hub.DisposeAsync().AsTask().Guarded();
        Assert.Equal(0, hub.Count);
        await CheckEvents(events);
    }

    private void Step(ConnHub hub, Random chance)
    {
#pragma warning disable CA5394 // chance, not secrecy
        int n = chance.Next(1, Peers + 1);
        MultiserverAddress address = chance.Next(3) == 0 ? MultiserverAddress.Parse($"net:host{n}:1~noauth") : Given.Address(n);
        TestDial[] open = [.. _network.Dials.Where(d => !d.Done.Task.IsCompleted)];
        TestConnection[] standing = [.. _connections.Where(c => !c.Closed.IsCompleted)];
        switch (chance.Next(9))
        {
            case 0 or 1:
                _asked.Add(hub.ConnectAsync(address, PeerData.Empty.With("key", $"{Given.FeedId(chance.Next(1, Peers + 1))}")));
                break;
            case 2 when open.Length > 0:
                TestDial dial = open[chance.Next(open.Length)];
                _connections.Add(dial.Succeed(dial.Address.FeedId ?? Given.FeedId(chance.Next(0, Peers + 1))));
                break;
            case 3 when open.Length > 0:
                open[chance.Next(open.Length)].Fail("no");
                break;
            case 4:
                var caller = new TestConnection(Given.FeedId(n), MultiserverAddress.Parse($"net:10.9.0.{chance.Next(9)}:50000~shs:{Given.Base64(n)}"));
                _connections.Add(caller);
                hub.Accept(caller);
                break;
            case 5 when standing.Length > 0:
                standing[chance.Next(standing.Length)].End();
                break;
            case 6 when hub.Entries() is { Count: > 0 } entries:
                _asked.Add(hub.DisconnectAsync(entries[chance.Next(entries.Count)].Address));
                break;
            case 7 when standing.Length > 0:
                TestConnection connection = standing[chance.Next(standing.Length)];
                (connection.CloseError, connection.CloseTakes) = chance.Next(3) switch
                {
                    0 => (new InvalidOperationException("stays"), null),
                    1 => (null, new TaskCompletionSource().Task), // never: until the deadline
                    _ => ((Exception?)null, (Task?)null),
                };
                break;
            case 8 when chance.Next(5) == 0:
                _asked.Add(hub.ResetAsync());
                break;
            default:
                _time.RunFor(TimeSpan.FromSeconds(chance.Next(4)));
                break;
        }
#pragma warning restore CA5394
    }

    // Of each address, in order: it comes, it may try to go and stay, and it goes once.
    private async Task CheckEvents(Reading<HubEvent> events)
    {
        var inHub = new Dictionary<MultiserverAddress, HubEventType>();
        int connecting = 0;
        foreach (HubEvent e in await events.Rest())
        {
            bool isThere = inHub.TryGetValue(e.Address!, out HubEventType last);
            HubEventType[] before = e.Type switch
            {
                HubEventType.Connecting => [],
                HubEventType.ConnectingFailed => [HubEventType.Connecting],
                HubEventType.Connected => isThere ? [HubEventType.Connecting] : [],
                HubEventType.Disconnecting => [HubEventType.Connecting, HubEventType.Connected, HubEventType.DisconnectingFailed],
                HubEventType.DisconnectingFailed => [HubEventType.Disconnecting],
                _ => [HubEventType.Connected, HubEventType.Disconnecting, HubEventType.DisconnectingFailed],
            };
            Assert.Equal(before.Length > 0, isThere);
            if (isThere)
                Assert.Contains(last, before);
            if (e.Type == HubEventType.Connecting)
                connecting++;
            if (e.Type is HubEventType.ConnectingFailed or HubEventType.Disconnected)
                inHub.Remove(e.Address!);
            else
                inHub[e.Address!] = e.Type;
        }

        Assert.Empty(inHub);
        Assert.Equal(_network.Dials.Count, connecting);
    }
}
