using Ssb.Conn.Simulator;

namespace Ssb.Conn.Tests.Hub;

public class HubTests
{
    private static readonly MultiserverAddress s_one = Given.Address(1);

    private readonly VirtualTime _time = new(Given.Start);
    private readonly TestNetwork _network = new();
    private readonly ConnHub _hub;

    public HubTests() => _hub = Hub();

    private ConnHub Hub(HubOptions? options = null) => new(_network, (options ?? new HubOptions()) with { TimeProvider = _time, OwnFeedId = Given.FeedId(0) });

    [Fact]
    public async Task Connect_Twice_JoinsOneDial()
    {
        Task<IPeerConnection> first = _hub.ConnectAsync(s_one), second = _hub.ConnectAsync(s_one);
        TestConnection connection = Assert.Single(_network.Dials).Succeed();
        Assert.Same(connection, await first.Guarded());
        Assert.Same(connection, await second.Guarded());
        Assert.Same(connection, await _hub.ConnectAsync(s_one).Guarded());
        Assert.Single(_network.Dials);
    }

    [Fact]
    public async Task Connect_CallerCancels_TheDialGoesOn()
    {
        using var source = new CancellationTokenSource();
        Task<IPeerConnection> impatient = _hub.ConnectAsync(s_one, cancellationToken: source.Token), patient = _hub.ConnectAsync(s_one);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient.Guarded());
        _network.Dials[0].Succeed();
        Assert.NotNull(await patient.Guarded());
    }

    [Theory]
    [InlineData(typeof(ConnectFailedException)), InlineData(typeof(InvalidOperationException)), InlineData(typeof(OperationCanceledException))]
    public async Task Connect_ErrorRepeatsASecret_NoEventShowsIt(Type thrown)
    {
        const string Seed = "c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ=";
        MultiserverAddress invite = MultiserverAddress.Parse($"{s_one.Text}:{Seed}");
        await using Reading<HubEvent> events = _hub.Listen().Read();
        Task<IPeerConnection> connecting = _hub.ConnectAsync(invite);
        string message = $"there is no way to {invite.Text} ({Seed})";
        Exception cause = new IOException(message);
        _network.Dials[0].Done.SetException(thrown == typeof(ConnectFailedException) ? new ConnectFailedException(message, cause)
            : thrown == typeof(InvalidOperationException) ? new InvalidOperationException(message, cause) : new OperationCanceledException(message, cause));
        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        HubEvent failed = (await events.Next(2))[1];
        foreach (string shown in (string[])[error.Message, error.ToString(), failed.Error!.ToString(), failed.ToString()])
        {
            Assert.DoesNotContain(Seed, shown, StringComparison.Ordinal);
            Assert.Contains($"{s_one.Text}:***", shown, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("lan", 30), InlineData("bt", 60), InlineData("dht", 300), InlineData("internet", 10), InlineData("pub", 10), InlineData("room", 10)]
    [InlineData("room-attendant", 10), InlineData("something", 10)]
    public async Task Connect_NoAnswer_FailsAtTheDeadlineOfItsType(string type, int seconds)
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one, PeerData.Empty.With("type", type));
        _time.RunFor(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
        Assert.Equal(HubState.Connecting, _hub.GetState(s_one));
        Assert.False(_network.Dials[0].Token.IsCancellationRequested);
        _time.RunFor(TimeSpan.FromTicks(1));
        Assert.Null(_hub.GetState(s_one));
        Assert.True(_network.Dials[0].Token.IsCancellationRequested);
        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Assert.Contains($"within {seconds} s", error.Message, StringComparison.Ordinal);
        HubEvent failed = (await events.Next(2))[1];
        Assert.Equal((HubEventType.ConnectingFailed, ConnReason.TimedOut), (failed.Type, failed.Reason));
    }

    [Fact]
    public void Connect_RoomAttendantWithAnAlias_Has30Seconds()
    {
        _ = _hub.ConnectAsync(s_one, PeerData.Parse("""{"type":"room-attendant","alias":"bob"}"""));
        _time.RunFor(TimeSpan.FromSeconds(29));
        Assert.Equal(HubState.Connecting, _hub.GetState(s_one));
        _time.RunFor(TimeSpan.FromSeconds(1));
        Assert.Null(_hub.GetState(s_one));
    }

    [Fact]
    public async Task Connect_AnswerAfterTheDeadline_IsClosed()
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one);
        _time.RunFor(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        TestConnection late = _network.Dials[0].Succeed();
        Guards.Until(() => late.HasCloseBeenCalled);
        Assert.Empty(_hub.Entries());
    }

    [Fact]
    public async Task Connect_NetworkThrowsAnything_FailsTyped()
    {
        _network.Answer = _ => throw new InvalidOperationException("bug");
        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(() => _hub.ConnectAsync(s_one).Guarded());
        Assert.IsType<InvalidOperationException>(error.InnerException);
        Assert.Empty(_hub.Entries());
    }

    [Fact]
    public async Task Connect_Ourselves_Fails()
    {
        await Assert.ThrowsAsync<ConnectFailedException>(() => _hub.ConnectAsync(Given.Address(0)).Guarded());
        Task<IPeerConnection> connecting = _hub.ConnectAsync("net:localhost:1~noauth");
        TestConnection connection = _network.Dials[0].Succeed(Given.FeedId(0));
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        Guards.Until(() => connection.HasCloseBeenCalled);
        Assert.Empty(_hub.Entries());
    }

    [Fact]
    public async Task Connect_AddressWithoutKey_LearnsItFromTheHandshake()
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync("net:localhost:1~noauth");
        Assert.Null(Assert.Single(_hub.Entries()).FeedId);
        _network.Dials[0].Succeed(Given.FeedId(1));
        await connecting.Guarded();
        Assert.Equal(Given.FeedId(1), _hub.Get(Given.FeedId(1))?.FeedId);
    }

    [Fact]
    public async Task Connect_FullHub_Fails_AndCallersAreRefused()
    {
        ConnHub small = Hub(new HubOptions { Capacity = 1 });
        _ = small.ConnectAsync(s_one);
        await Assert.ThrowsAsync<ConnectFailedException>(() => small.ConnectAsync(Given.Address(2)).Guarded());
        var caller = new TestConnection(Given.FeedId(3), Given.Address(3));
        Assert.False(small.Accept(caller));
        Guards.Until(() => caller.HasCloseBeenCalled);
    }

    [Fact]
    public async Task Connect_TooManyDials_Fails_UntilOneEnds()
    {
        ConnHub small = Hub(new HubOptions { MaxDials = 2 });
        _ = small.ConnectAsync(Given.Address(1));
        _ = small.ConnectAsync(Given.Address(2));
        await Assert.ThrowsAsync<ConnectFailedException>(() => small.ConnectAsync(Given.Address(3)).Guarded());
        _network.Dials[0].Fail("no");
        _ = small.ConnectAsync(Given.Address(3));
        await Assert.ThrowsAsync<ConnectFailedException>(() => small.ConnectAsync(Given.Address(4)).Guarded());
        _network.Dials[1].Succeed();
        _ = small.ConnectAsync(Given.Address(4));
        Assert.Equal(4, _network.Dials.Count);
        await small.DisconnectAsync(Given.Address(4)).Guarded();
        _ = small.ConnectAsync(Given.Address(5));
        Assert.Equal(5, _network.Dials.Count);
    }

    [Fact]
    public async Task Disconnect_Connected_TellsEachEventOnce()
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        TestConnection connection = await Connected(s_one);
        Assert.True(await _hub.DisconnectAsync(s_one, "enough").Guarded());
        Assert.True(connection.HasCloseBeenCalled);
        Assert.Empty(_hub.Entries());
        await _hub.DisposeAsync();
        HubEvent[] told = await events.Rest();
        Assert.Equal([HubEventType.Connecting, HubEventType.Connected, HubEventType.Disconnecting, HubEventType.Disconnected], told.Select(e => e.Type));
        Assert.Equal([ConnReason.Requested, ConnReason.Requested, "enough", "enough"], told.Select(e => e.Reason));
        Assert.Equal((true, connection), (told[1].IsClient, told[1].Connection));
    }

    [Fact]
    public async Task Connection_EndsByItself_TellsDisconnected()
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        (await Connected(s_one)).End();
        HubEvent[] told = await events.Next(3);
        Assert.Equal((HubEventType.Disconnected, ConnReason.Ended), (told[2].Type, told[2].Reason));
        Assert.Empty(_hub.Entries());
    }

    [Fact]
    public async Task Disconnect_DuringTheDial_EndsIt_AndItsCallersAreTold()
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one);
        Assert.True(await _hub.DisconnectAsync(s_one).Guarded());
        Assert.True(_network.Dials[0].Token.IsCancellationRequested);
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        TestConnection late = _network.Dials[0].Succeed();
        Guards.Until(() => late.HasCloseBeenCalled);
        await _hub.DisposeAsync();
        Assert.Equal([HubEventType.Connecting, HubEventType.Disconnecting, HubEventType.Disconnected], (await events.Rest()).Select(e => e.Type));
    }

    [Fact]
    public async Task Connect_WhileDisconnecting_DialsOnceThatIsDone()
    {
        TestConnection connection = await Connected(s_one);
        var takes = new TaskCompletionSource();
        connection.CloseTakes = takes.Task;
        Task<bool> disconnecting = _hub.DisconnectAsync(s_one);
        Task<bool> again = _hub.DisconnectAsync(s_one);
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one);
        Assert.Equal(HubState.Disconnecting, _hub.GetState(s_one));
        Assert.Single(_network.Dials);
        takes.SetResult();
        Assert.True(await disconnecting.Guarded());
        Assert.True(await again.Guarded());
        Guards.Until(() => _network.Dials.Count == 2);
        TestConnection second = _network.Dials[1].Succeed();
        Assert.Same(second, await connecting.Guarded());
    }

    [Fact]
    public async Task Disconnect_CloseFails_TellsSo_AndTheConnectionStands()
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        TestConnection connection = await Connected(s_one);
        connection.CloseError = new InvalidOperationException("stuck");
        await Assert.ThrowsAsync<IOException>(() => _hub.DisconnectAsync(s_one).Guarded());
        Assert.Equal(HubState.Connected, _hub.GetState(s_one));
        connection.CloseError = null;
        Assert.True(await _hub.DisconnectAsync(s_one).Guarded());
        await _hub.DisposeAsync();
        Assert.Equal([HubEventType.Connecting, HubEventType.Connected, HubEventType.Disconnecting, HubEventType.DisconnectingFailed, HubEventType.Disconnecting, HubEventType.Disconnected],
            (await events.Rest()).Select(e => e.Type));
    }

    [Fact]
    public async Task Disconnect_CloseNeverEnds_IsGivenUpAtTheDeadline()
    {
        TestConnection connection = await Connected(s_one);
        connection.CloseTakes = new TaskCompletionSource().Task;
        Task<bool> disconnecting = _hub.DisconnectAsync(s_one);
        _time.RunFor(TimeSpan.FromSeconds(4));
        Assert.Equal(HubState.Disconnecting, _hub.GetState(s_one));
        _time.RunFor(TimeSpan.FromSeconds(1));
        Assert.True(await disconnecting.Guarded());
        Assert.Empty(_hub.Entries());
        await _hub.DisposeAsync().AsTask().Guarded();
    }

    [Theory]
    [InlineData("net:192.168.1.7:50000", "lan"), InlineData("net:172.20.1.7:50000", "lan"), InlineData("net:172.40.1.7:50000", "internet"), InlineData("net:8.8.8.8:50000", "internet")]
    [InlineData("net:127.0.0.1:50000", "lan"), InlineData("net:fe80::1:50000", "lan"), InlineData("net:2001:db8::1:50000", "internet"), InlineData("net:example.com:50000", "internet")]
    [InlineData("bt:65D900DDB353", "bt"), InlineData("dht:seed", "dht"), InlineData("tunnel:a:b", "tunnel"), InlineData("unix:/run/ssb", null)]
    public void Accept_Caller_IsConnected_WithAnInferredType(string address, string? type)
    {
        Assert.True(_hub.Accept(new TestConnection(Given.FeedId(1), MultiserverAddress.Parse($"{address}~shs:{Given.Base64(1)}"))));
        HubPeer peer = Assert.Single(_hub.Entries());
        Assert.Equal((HubState.Connected, Given.FeedId(1), type, true), (peer.State, peer.FeedId, peer.Data.InferredType, peer.IsCaller));
    }

    [Theory]
    [InlineData("{}", "lan"), InlineData("""{"type":"pub"}""", null)]
    public async Task Connect_Connected_HasAnInferredType_UnlessItHasOne(string data, string? type)
    {
        var address = MultiserverAddress.Parse($"net:192.168.1.7:50000~shs:{Given.Base64(1)}");
        Task<IPeerConnection> connecting = _hub.ConnectAsync(address, PeerData.Parse(data));
        Assert.Null(Assert.Single(_hub.Entries()).Data.InferredType);
        _network.Dials[0].Succeed();
        await connecting.Guarded();
        Assert.Equal(type, Assert.Single(_hub.Entries()).Data.InferredType);
    }

    [Fact]
    public async Task Accept_PeerThatIsBeingDialled_IsConnectedUnderThatAddress_AndBothConnectionsCount()
    {
        await using Reading<HubEvent> events = _hub.Listen().Read();
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one);
        var caller = new TestConnection(Given.FeedId(1), MultiserverAddress.Parse("net:10.0.0.1:50000"));
        Assert.True(_hub.Accept(caller));
        Assert.Same(caller, await connecting.Guarded());
        TestConnection dialled = _network.Dials[0].Succeed();
        Assert.Equal(HubState.Connected, Assert.Single(_hub.Entries()).State);
        Assert.Same(dialled, _hub.GetConnection(s_one));
        dialled.End();
        Assert.Same(caller, _hub.GetConnection(s_one));
        caller.End();
        Assert.Empty(_hub.Entries());
        await _hub.DisposeAsync();
        Assert.Equal([HubEventType.Connecting, HubEventType.Connected, HubEventType.Disconnected], (await events.Rest()).Select(e => e.Type));
    }

    [Fact]
    public void Accept_SamePeerAgain_ReplacesItsOlderCall()
    {
        var first = new TestConnection(Given.FeedId(1), MultiserverAddress.Parse("net:10.0.0.1:50000"));
        var second = new TestConnection(Given.FeedId(1), MultiserverAddress.Parse("net:10.0.0.1:50001"));
        Assert.True(_hub.Accept(first));
        Assert.True(_hub.Accept(second));
        Guards.Until(() => first.HasCloseBeenCalled);
        Assert.False(second.HasCloseBeenCalled);
        Assert.Equal("net:10.0.0.1:50000", Assert.Single(_hub.Entries()).Address.Text);
        Assert.Same(second, _hub.GetConnection(MultiserverAddress.Parse("net:10.0.0.1:50000")));
    }

    [Fact]
    public void Accept_Ourselves_IsRefused()
    {
        var self = new TestConnection(Given.FeedId(0), MultiserverAddress.Parse("net:10.0.0.1:50000"));
        Assert.False(_hub.Accept(self));
        Guards.Until(() => self.HasCloseBeenCalled);
    }

    [Fact]
    public async Task Reset_EndsWhatStands_AndLetsDialsGoOn()
    {
        TestConnection one = await Connected(s_one);
        _ = _hub.ConnectAsync(Given.Address(2));
        await _hub.ResetAsync().Guarded();
        Assert.True(one.HasCloseBeenCalled);
        Assert.Equal(Given.Address(2), Assert.Single(_hub.Entries()).Address);
    }

    [Fact]
    public async Task Dispose_EndsConnectionsAndDials_AndLeavesNothingBehind()
    {
        TestConnection one = await Connected(s_one);
        Task<IPeerConnection> dialling = _hub.ConnectAsync(Given.Address(2));
        await _hub.DisposeAsync().AsTask().Guarded();
        Assert.True(one.HasCloseBeenCalled);
        Assert.True(_network.Dials[1].Token.IsCancellationRequested);
        await Assert.ThrowsAsync<ConnectFailedException>(() => dialling.Guarded());
    }

    [Fact]
    public async Task Listen_LaggingReader_IsToldHowManyItMissed()
    {
        ConnHub small = Hub(new HubOptions { ChangeBuffer = 4 });
        await using Reading<HubEvent> events = small.Listen().Read();
        for (int i = 1; i <= 5; i++)
        {
            _ = small.ConnectAsync(Given.Address(i));
            _network.Dials[i - 1].Fail("no");
        }

        HubEvent[] told = await events.Next(5);
        Assert.Equal((HubEventType.Missed, 6L), (told[0].Type, told[0].Missed));
        Assert.Equal(Given.Address(4), told[1].Address);
    }

    [Fact]
    public async Task ToJson_IsTheEntryOfTheOriginal()
    {
        _ = _hub.ConnectAsync(s_one, PeerData.Parse("""{"type":"lan","state":"x","note":"Bob"}"""));
        _time.RunFor(TimeSpan.FromSeconds(1));
        _network.Dials[0].Succeed();
        Assert.Equal($$"""["{{s_one.Text}}",{"type":"lan","note":"Bob","key":"{{Given.FeedId(1)}}","state":"connected","hubBirth":1700000000000,"hubUpdated":1700000001000,"hubStateSince":1700000001000}]""",
            Assert.Single(_hub.Entries()).ToJson());
        await _hub.DisposeAsync();
    }

    [Fact]
    public async Task Everything_AtOnce_EndsInOrder()
    {
        // Threads that dial, disconnect, call, end and reset: each address sees its events in an order that makes sense, and nothing is left.
        _network.Answer = address => address.Text.GetHashCode(StringComparison.Ordinal) % 3 == 0 ? throw new ConnectFailedException("no") : new TestConnection(address.FeedId!.Value, address);
        ConnHub hub = Hub(new HubOptions { ChangeBuffer = 1 << 20 });
        IAsyncEnumerable<HubEvent> events = hub.Listen();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 500; i++)
            {
                MultiserverAddress address = Given.Address(1 + random.Next(20));
                switch (random.Next(6))
                {
                    case 0 or 1: hub.ConnectAsync(address).Forget(); break;
                    case 2: hub.DisconnectAsync(address).Forget(); break;
                    case 3: hub.Accept(new TestConnection(address.FeedId!.Value, MultiserverAddress.Parse($"net:1.2.3.4:{1000 + random.Next(9000)}"))); break;
                    case 4: (hub.GetConnection(address) as TestConnection)?.End(); break;
                    default: hub.Update(address, PeerData.Empty.With("n", i)); break;
                }

                if (i % 100 == 0)
                    await hub.ResetAsync();
            }
        }))).Guarded();
        await hub.DisposeAsync().AsTask().Guarded();
        var states = new Dictionary<MultiserverAddress, HubEventType>();
        await foreach (HubEvent e in events)
        {
            HubEventType? before = states.TryGetValue(e.Address!, out HubEventType last) ? last : null;
            Assert.Contains(before, e.Type switch
            {
                HubEventType.Connecting => [null],
                HubEventType.Connected => [null, HubEventType.Connecting],
                HubEventType.ConnectingFailed => [HubEventType.Connecting],
                HubEventType.Disconnecting => [HubEventType.Connecting, HubEventType.Connected],
                _ => new HubEventType?[] { HubEventType.Connected, HubEventType.Disconnecting },
            });
            if (e.Type is HubEventType.ConnectingFailed or HubEventType.Disconnected)
                states.Remove(e.Address!);
            else
                states[e.Address!] = e.Type;
        }

        Assert.Empty(states);
    }

    private async Task<TestConnection> Connected(MultiserverAddress address)
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync(address);
        TestConnection connection = _network.Dials[^1].Succeed();
        Assert.Same(connection, await connecting.Guarded());
        return connection;
    }

    [Fact]
    public async Task Connected_ProvenKeyIsNotTheClaimedOne_CountsAsTheProven_AndLeavesWhenItEnds()
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync("net:localhost:1~noauth", PeerData.Empty.With("key", $"{Given.FeedId(2)}"));
        TestConnection connection = _network.Dials[0].Succeed(Given.FeedId(1));
        await connecting.Guarded();
        Assert.Null(_hub.Get(Given.FeedId(2)));
        Assert.Equal(Given.FeedId(1), _hub.Get(Given.FeedId(1))?.FeedId);
        connection.End();
        Assert.Empty(_hub.Entries());
    }

    [Fact]
    public async Task Connect_WhileItCannotBeEnded_GivesTheConnectionThatStands()
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one);
        TestConnection connection = _network.Dials[0].Succeed();
        await connecting.Guarded();
        var closing = new TaskCompletionSource();
        (connection.CloseTakes, connection.CloseError) = (closing.Task, new InvalidOperationException("no"));
        Task<bool> leaving = _hub.DisconnectAsync(s_one);
        Task<IPeerConnection> again = _hub.ConnectAsync(s_one);
        closing.SetResult();
        await Assert.ThrowsAsync<IOException>(() => leaving.Guarded());
        Assert.Same(connection, await again.Guarded());
    }

    [Fact]
    public void Options_WaitThatNoTimerCanHold_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Hub(new HubOptions { DialDeadline = TimeSpan.MaxValue }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Hub(new HubOptions { CloseDeadline = TimeSpan.MaxValue }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Hub(new HubOptions { DialDeadlines = new Dictionary<string, TimeSpan> { ["lan"] = TimeSpan.MaxValue } }));
    }

    [Fact]
    public async Task Dispose_AsADialBegins_TheDialFails()
    {
        var time = new TimerHook(_time);
        var hub = new ConnHub(_network, new HubOptions { TimeProvider = time });
        Task disposing = Task.CompletedTask;
        time.OnTimer = () =>
        {
            disposing = hub.DisposeAsync().AsTask();
            Guards.Until(() => disposing.IsCompleted);
        };
        Task<IPeerConnection> connecting = hub.ConnectAsync(s_one);
        await disposing;
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
    }

    [Fact]
    public async Task Dispose_DialSucceedsAfterwards_ItsConnectionIsClosed()
    {
        Task<IPeerConnection> connecting = _hub.ConnectAsync(s_one);
        await _hub.DisposeAsync().AsTask().Guarded();
        await Assert.ThrowsAsync<ConnectFailedException>(() => connecting.Guarded());
        TestConnection late = _network.Dials[0].Succeed();
        Guards.Until(() => late.HasCloseBeenCalled);
    }

    /// <summary>A clock that does something as the next timer is made.</summary>
    private sealed class TimerHook(TimeProvider time) : TimeProvider
    {
        public Action? OnTimer { get; set; }

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Action? hook = OnTimer;
            OnTimer = null;
            hook?.Invoke();
            return time.CreateTimer(callback, state, dueTime, period);
        }
    }
}
