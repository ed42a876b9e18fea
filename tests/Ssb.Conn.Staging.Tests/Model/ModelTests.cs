using CsCheck;

namespace Ssb.Conn.Staging.Tests.Model;

/// <summary>Random programs in virtual time: the bench does what the reference does, step by step and in every stream.</summary>
public class ModelTests
{
    private static readonly Dictionary<string, TimeSpan> s_timeToLive = new()
    {
        ["lan"] = TimeSpan.FromSeconds(10),
        ["bt"] = TimeSpan.FromSeconds(30),
    };

    [Fact]
    public void Programs_OnASmallBench_DoAsTheReference() =>
        Step.Programs(peers: 14, length: 60).Sample(
            program => Run(program, new StagingOptions { Capacity = 8, SourceCapacity = 4, TimeToLive = s_timeToLive }),
            iter: Rounds.Of(2_000));

    [Fact]
    public void Programs_WhereOneSourceMayFillTheBench_DoAsTheReference() =>
        Step.Programs(peers: 14, length: 60).Sample(
            program => Run(program, new StagingOptions { Capacity = 7, SourceCapacity = 7, TimeToLive = s_timeToLive }),
            iter: Rounds.Of(2_000));

    [Fact]
    public void Programs_OnTheSmallestBench_DoAsTheReference() =>
        Step.Programs(peers: 4, length: 30).Sample(
            program => Run(program, new StagingOptions { Capacity = 1, SourceCapacity = 1, TimeToLive = s_timeToLive }),
            iter: Rounds.Of(500));

    [Fact]
    public void Programs_WithManyPeers_DoAsTheReference() =>
        Step.LargePrograms(peers: 700, length: 12).Sample(
            program => Run(program, new StagingOptions { Capacity = 600, SourceCapacity = 350, TimeToLive = s_timeToLive }),
            iter: Rounds.Of(12));

    private static void Run(Step[] program, StagingOptions options)
    {
        using var both = new BothBenches(options);
        foreach (Step step in program)
        {
            both.Do(step);
            both.AssertSame();
        }

        both.CloseAndAssertEnd();
    }
}
