using System.Text.Json;

namespace Ssb.Conn.Tests;

/// <summary>What is kept aside of peers that are in the hub: bounded, checked, and in one place.</summary>
public class InterpoolTests : PluginTestBase
{
    private const int Limit = 1_000;

    private static readonly MultiserverAddress s_one = Given.Address(1);
    private static readonly MultiserverAddress s_other = Given.Address(1, "11"); // of the same identity

    private static readonly ConnPluginOptions s_options = new() { Autostart = false, Staging = new StagingOptions { MaxDataLength = Limit } };

    [Fact]
    public async Task Stage_WhileConnected_TakesNoMoreDataThanTheBench()
    {
        Reachable();
        ConnPlugin conn = await Open(s_options);
        conn.Stage(s_one, OfType("internet"));
        await conn.ConnectAsync(s_one).Guarded();
        Assert.Throws<ArgumentException>(() => conn.Stage(s_one, PeerData.Empty.With("much", new string('a', Limit))));
        Assert.Equal(RefusalReason.InHub, conn.TryStage(s_one, PeerData.Empty.With("half", new string('a', Limit / 2))).Reason);
        Assert.Throws<ArgumentException>(() => conn.Stage(s_one, PeerData.Empty.With("other half", new string('a', Limit / 2))));
        await conn.DisconnectAsync(s_one).Guarded();
        StagedPeer back = Assert.Single(conn.Staging.Entries());
        Assert.Equal(["type", "half", "stateChange"], back.Data.Names());
    }

    [Fact]
    public async Task Stage_WhileConnected_WithAKeyThatContradictsTheAddress_Throws()
    {
        Reachable();
        ConnPlugin conn = await Open(s_options);
        conn.Stage(s_one, OfType("internet"));
        await conn.ConnectAsync(s_one).Guarded();
        Assert.Throws<ArgumentException>(() => conn.Stage(s_one, new PeerData { Key = $"{Given.FeedId(2)}" }));
        await conn.DisconnectAsync(s_one).Guarded();
        Assert.Equal(Given.FeedId(1), Assert.Single(conn.Staging.Entries()).FeedId);
    }

    [Fact]
    public async Task Connect_PeerOfBookAndBench_IsDialledAsOnTheBench_AndThenAsInTheBook()
    {
        ConnPlugin conn = await Open(s_options);
        conn.Remember(s_one, PeerData.Parse("""{"type":"pub","note":"book"}"""));
        conn.Stage(s_one, Data("""{"type":"lan","note":"bench","more":1}"""));
        conn.ConnectAsync(s_one).Forget();
        Assert.Equal(("lan", "bench", "1"), Told());
        Network.Dials[0].Succeed();
        Assert.Equal(("pub", "book", "1"), Told());

        (string? Type, string Note, string More) Told()
        {
            PeerData data = Assert.Single(conn.Hub.Entries()).Data;
            return (data.Type, data.TryGet("note", out JsonElement note) ? $"{note}" : "", data.TryGet("more", out JsonElement more) ? $"{more}" : "");
        }
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Dial_OnePeerByTwoAddresses_ItsRoutesComeBackWhenItsConnectionHasEnded(bool namedIsFirst)
    {
        ConnPlugin conn = await Open();
        MultiserverAddress nameless = MultiserverAddress.Parse("net:10.0.0.9:8008~noauth");
        foreach (MultiserverAddress address in (MultiserverAddress[])[s_one, s_other, nameless])
            conn.Stage(address, OfType("internet"), "room:x");
        Task<IPeerConnection>[] connecting = [conn.ConnectAsync(s_one), conn.ConnectAsync(nameless)];
        TestDial[] dials = [Network.Dials[0], Network.Dials[1]];
        TestConnection connection = dials[namedIsFirst ? 0 : 1].Succeed(s_one.FeedId);
        if (namedIsFirst)
            dials[1].Succeed(s_one.FeedId);
        foreach (Task<IPeerConnection> task in connecting)
            Assert.Same(connection, await task.Guarded());
        Assert.Equal(namedIsFirst ? s_one : nameless, Assert.Single(conn.Hub.Entries()).Address);
        Assert.Empty(conn.Staging.Entries());
        connection.End();
        Assert.Equal([s_one, s_other, nameless], conn.Staging.Entries().Select(p => p.Address).OrderBy(a => a == nameless).ThenBy(a => a == s_other));
        Assert.All(conn.Staging.Entries(), p => Assert.False(p.Data.HasField("lastError")));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Dial_FailsForWantOfOurOwnDescriptors_IsNoFailureOfThePeer(bool isLocal)
    {
        ConnPlugin conn = await Open(s_options);
        conn.Remember(s_one);
        conn.Stage(s_other, OfType("internet"));
        foreach (MultiserverAddress address in (MultiserverAddress[])[s_one, s_other])
            conn.ConnectAsync(address).Forget();
        for (int i = 0; i < 2; i++)
        {
            Guards.Until(() => Network.Dials.Count == i + 1); // the second when the first has failed: it is the same peer
            Network.Dials[i].Done.SetException(new ConnectFailedException("no descriptors are left.") { IsLocal = isLocal });
        }

        Assert.Equal(isLocal ? 0 : 1, conn.Db.Get(s_one)!.Failure);
        Assert.Equal(!isLocal, conn.Staging.Get(s_other)!.Data.HasField("failure"));
        Assert.True(conn.Staging.Get(s_other)!.Data.HasField("stateChange")); // its wait begins anew
        Assert.Contains("no descriptors are left", $"{conn.Why(s_other.Text)}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_ThatThrows_HarmsNobodyElse()
    {
        ConnPlugin conn = await Open();
        conn.Stage(s_one, OfType("internet"));
        conn.Remember(Given.Address(2));
        conn.ConnectAsync(s_one).Forget();
        conn.ConnectAsync(Given.Address(2)).Forget();
        TestConnection bad = Network.Dials[0].Succeed(), good = Network.Dials[1].Succeed();
        bad.PingError = new ObjectDisposedException("connection");
        good.Ping = new PeerPing(PeerStatistics.Of(7));
        Seconds(60);
        Assert.Equal(7, conn.Db.Get(Given.Address(2))!.Ping!.Rtt!.Mean);
        bad.End();
        Assert.NotNull(conn.Staging.Get(s_one));
    }
}
