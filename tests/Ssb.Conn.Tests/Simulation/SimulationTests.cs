using Ssb.Conn.Simulator;

namespace Ssb.Conn.Tests.Simulation;

/// <summary>Small simulations. Larger ones: <c>dotnet run -c Release --project sim/Ssb.Conn.Simulator</c>.</summary>
public class SimulationTests
{
    private static readonly SimOptions s_small = new() { Honest = 12, Hours = 0.5, Identities = 120, Jobs = 1 };

    /// <summary>Ours, with a bench so small that each flood fills it.</summary>
    private static readonly Policy s_crowded = new("crowded", new AdmissionOptions(), new SchedulerOptions(),
        new ConnPluginOptions().Staging with { Capacity = 100, SourceCapacity = 50, GroupCapacity = 50 }, new HubOptions());

    [Fact]
    public void Run_SameSeed_SameText_AnotherSeedAnother()
    {
        SimOptions options = s_small with { Honest = 10, Only = "half die under floods" };
        string first = Report.Of(options);
        Assert.Equal(first, Report.Of(options with { Jobs = 2 }));
        Assert.NotEqual(first, Report.Of(options with { Seed = 2 }));
    }

    [Theory]
    [InlineData("LAN flood, one sender", 1)]
    [InlineData("LAN flood, 200 forged senders", 2)]
    [InlineData("hostile room", 3)]
    [InlineData("address spraying", 4)]
    public void Flood_FromAnotherSource_NoHonestPeerIsEvicted(string scenario, int seed)
    {
        Rounds.NeedAll();
        Measures measures = Run(scenario, s_small with { Seed = seed }, s_crowded);
        Assert.True(measures.Bench.Value > 0.3, "The flood did not reach the bench.");
        Assert.True(measures.Refused > 1_000, "The bench did not fill.");
        Assert.Equal(0, measures.Evicted);
        // Who forges senders, or claims a victim's key, shares a group with honest peers, and can keep newcomers of it out; nobody else can.
        if (scenario is "LAN flood, one sender" or "hostile room")
            Assert.Equal(0, measures.KeptOut);
    }

    // Over hours: at each moment slots are whole, and an attacker whose share is a fifth has one of four.
    [Theory]
    [InlineData("LAN flood, 200 forged senders")]
    [InlineData("hostile room")]
    public void Flood_ByIdentities_AttackerHasNoMoreConnectionsThanItsShareOfSources(string scenario)
    {
        Rounds.NeedAll();
        Measures measures = Run(scenario, new SimOptions { Honest = 24, Hours = 3, Identities = 150, Jobs = 1 }, Policy.Ours);
        (double made, double whole, double fair) = (measures.Automatic.Part, measures.Automatic.Whole, measures.Sources.Part);
        Assert.True(whole > 100, "Nobody was connected.");
        Assert.True(made <= fair, $"The attacker has {made / whole:P1} of the connections, where {fair / whole:P1} would be its share.");
    }

    [Fact]
    public void Callers_ByTheDozen_NoVictimIsCutOff()
    {
        Measures measures = Run("callers", s_small, Policy.Ours);
        Assert.True(measures.Connections.Value > 0.3, "Nobody called.");
        Assert.Equal((0, 0), (measures.CutOff.Part, measures.Automatic.Part));
    }

    [Fact]
    public void FalseRooms_OnTheLan_PushOutNoHonestRoom()
    {
        Measures ours = Run("peers that call themselves rooms", s_small, Policy.Ours);
        Measures ssb = Run("peers that call themselves rooms", s_small, Policy.Ssb);
        Assert.True(ours.Automatic.Part > 0, "Nobody dialled a false room.");
        Assert.True(ours.Rooms.Value > 0.99, $"{ours.Rooms.Value:P1} of the honest rooms are connected.");
        Assert.True(ssb.Rooms.Value < 0.99, "The attack is none: under ssb-conn's policy it costs no room.");
        Assert.True(ours.Automatic.Value < ssb.Automatic.Value / 2, $"The attacker has {ours.Automatic.Value:P1} of the connections made.");
    }

    private static Measures Run(string scenario, SimOptions options, Policy policy) =>
        Simulator.Simulation.Run(options, Scenario.All.Single(s => s.Name == scenario), policy);
}
