namespace Ssb.Conn.Tests;

/// <summary>The suite of npm ssb-conn 6.0.4 (test/interpool.js and test/index.js), test by test.</summary>
public class UpstreamInterpoolTests
{
    private const string Key = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";
    private const string Address = "net:localhost:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string Address2 = "net:localhost:1234~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    private readonly TestNetwork _network = new() { Answer = address => new TestConnection(address.FeedId ?? Given.FeedId(1), address) };

    [Fact]
    public async Task Conn_HasItsParts()
    {
        await using ConnPlugin conn = await Open();
        Assert.Empty(conn.Db.Entries());
        Assert.Empty(conn.Hub.Entries());
        Assert.Empty(conn.Staging.Entries());
        Assert.Empty(conn.Query.PeersAll());
        Assert.Empty(conn.DbPeers());
        Assert.False(conn.IsRunning);
        conn.Start();
        Assert.True(conn.IsRunning);
        await conn.StopAsync();
        Assert.False(conn.IsRunning);
    }

    [Fact]
    public async Task Stage_ConnectedAddress_IsRefused()
    {
        await using ConnPlugin conn = await Open();
        Assert.NotNull(await conn.ConnectAsync(Address).Guarded());
        Assert.False(conn.Stage(Address, PeerData.Parse("""{"mode":"internet"}""")));
        Assert.Empty(conn.Staging.Entries());
    }

    [Fact]
    public async Task Stage_KeyThatHasAConnection_IsRefused()
    {
        await using ConnPlugin conn = await Open();
        Assert.NotNull(await conn.ConnectAsync(Address, PeerData.Parse($$"""{"key":"{{Key}}"}""")).Guarded());
        Assert.False(conn.Stage(Address2, PeerData.Parse($$"""{"mode":"internet","key":"{{Key}}"}""")));
        Assert.Empty(conn.Staging.Entries());
    }

    [Fact]
    public async Task Connected_Peer_IsUnstaged()
    {
        await using ConnPlugin conn = await Open();
        Assert.True(conn.Stage(Address, PeerData.Parse("""{"mode":"internet"}""")));
        Assert.Equal(Address, Assert.Single(conn.Staging.Entries()).Address.Text);
        Assert.NotNull(await conn.ConnectAsync(Address).Guarded());
        Assert.Empty(conn.Staging.Entries());
    }

    [Fact]
    public async Task Connected_Peer_IsTheOnlyOneUnstaged()
    {
        await using ConnPlugin conn = await Open();
        Assert.True(conn.Stage(Address, PeerData.Parse("""{"mode":"internet"}""")));
        Assert.NotNull(await conn.ConnectAsync("net:unrelatedaddress.com:9009~noauth").Guarded());
        Assert.Single(conn.Staging.Entries());
    }

    private Task<ConnPlugin> Open() => ConnPlugin.OpenAsync(_network, new ConnPluginOptions { Autostart = false, TimeProvider = Given.Clock() });
}
