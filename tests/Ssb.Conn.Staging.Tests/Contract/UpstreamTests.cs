namespace Ssb.Conn.Staging.Tests.Contract;

/// <summary>What the tests of npm ssb-conn-staging 1.0.0 hold it to, held to ours.</summary>
public class UpstreamTests
{
    private const string Address = "net:localhost:9752~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    private static PeerData Data => PeerData.Empty.With("mode", "internet").With("address", Address);

    [Fact]
    public void Stage_ThenUnstage_EntryComesAndGoes()
    {
        using var bench = new ConnStaging();
        Assert.True(bench.Stage(Address, Data));
        Assert.Equal([Address], bench.Entries().Texts());
        Assert.True(bench.Unstage(Address));
        Assert.Empty(bench.Entries());
    }

    [Fact]
    public void Get_Staged_HasItsData()
    {
        using var bench = new ConnStaging();
        Assert.True(bench.Stage(Address, Data));
        Assert.Equal("internet", bench.Get(Address)!.Data.Field("mode").GetString());
    }

    [Fact]
    public async Task LiveEntries_AsTheyChange_AreGivenEachTime()
    {
        using var bench = new ConnStaging();
        await using Reading<StagingSnapshot> live = bench.LiveEntries().Read();
        Assert.Empty(await live.Next());
        bench.Stage(Address, Data);
        StagedPeer peer = Assert.Single(await live.Next());
        Assert.Equal(Address, peer.Address.Text);
        Assert.Equal("internet", peer.Data.Field("mode").GetString());
        Assert.True(peer.StagingBirth > DateTimeOffset.UnixEpoch);
        bench.Unstage(Address);
        Assert.Empty(await live.Next());
        bench.Close();
        await live.Ends();
    }

    [Fact]
    public void Stage_Again_IsFalseAndStaysOneEntry()
    {
        using var bench = new ConnStaging();
        Assert.True(bench.Stage(Address, Data));
        Assert.Single(bench.Entries());
        Assert.False(bench.Stage(Address, Data));
        Assert.Single(bench.Entries());
    }

    [Fact]
    public void Unstage_NotStaged_IsFalse()
    {
        using var bench = new ConnStaging();
        Assert.False(bench.Unstage(Address));
        Assert.Empty(bench.Entries());
    }
}
