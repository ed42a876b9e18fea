namespace Ssb.Conn.Tests;

/// <summary>Whatever happens in whatever order: nobody is on the bench and in the hub at once, and each peer is there once.</summary>
public class RandomWalkTests : PluginTestBase
{
    private const int Peers = 3; // of which each has some addresses, and may be behind any that names nobody

    private static readonly MultiserverAddress[] s_addresses =
    [
        .. Enumerable.Range(1, Peers).SelectMany(n => (MultiserverAddress[])[
            Given.Address(n), Given.Address(n, "11"), MultiserverAddress.Parse($"net:10.0.0.{n}:8008~shs:{Given.FeedId(n)}"), MultiserverAddress.Parse($"unix:/tmp/{n}~shs:{Given.Base64(n)}:{Given.Base64(9)}")]),
        .. Enumerable.Range(1, Peers).Select(n => MultiserverAddress.Parse($"net:10.0.9.{n}:8008~noauth")),
    ];

    [Theory]
    [InlineData(1, 56), InlineData(2, 80), InlineData(3, 80), InlineData(4, 80), InlineData(5, 80), InlineData(6, 80), InlineData(7, 80), InlineData(8, 80)] // 616 rounds
    public async Task Walk_OfStagingDiallingAndEnding_NobodyIsInTwoPlaces(int seed, int rounds)
    {
        var random = new Random(seed);
        for (int round = 0; round < Rounds.Of(rounds); round++)
            await Walk(random, $"seed {seed}, round {round}");
    }

    private async Task Walk(Random random, string where)
    {
        var network = new TestNetwork();
        await using ConnPlugin conn = await ConnPlugin.OpenAsync(network, new ConnPluginOptions { OwnFeedId = Given.FeedId(random.Next(2) * 99), Autostart = false, TimeProvider = Time });
        var standing = new List<TestConnection>();
        var said = new List<string>();
        for (int step = 0; step < 40; step++)
        {
            MultiserverAddress address = s_addresses[random.Next(s_addresses.Length)];
            TestDial[] dials = [.. network.Dials.Where(d => !d.Done.Task.IsCompleted)];
            int choice = random.Next(10);
            said.Add($"{choice} {address}");
            switch (choice)
            {
                case 0 or 1 or 2:
                    conn.Stage(address, OfType("internet"), random.Next(2) == 0 ? null : "room:x");
                    break;
                case 3 or 4:
                    conn.ConnectAsync(address).Forget();
                    break;
                case 5 or 6 when dials.Length > 0:
                    TestDial dial = dials[random.Next(dials.Length)];
                    if (dial.Token.IsCancellationRequested || random.Next(3) == 0)
                        dial.Fail("no");
                    else
                        standing.Add(dial.Succeed(dial.Address.FeedId ?? Given.FeedId(random.Next(1, Peers + 1))));
                    break;
                case 7 when standing.Count > 0:
                    int at = random.Next(standing.Count);
                    standing[at].End();
                    standing.RemoveAt(at);
                    break;
                case 8:
                    if (network.Call(random.Next(1, Peers + 1)) is { } caller)
                    {
                        caller.Agrees = random.Next(2) == 0;
                        standing.Add(caller);
                    }

                    break;
                case 9 when random.Next(2) == 0:
                    conn.Unstage(address);
                    break;
                case 9:
                    conn.DisconnectAsync(address).Forget();
                    break;
            }

            AssertOnePlaceEach(conn, $"{where}, after {string.Join("; ", said)}");
        }
    }

    private static void AssertOnePlaceEach(ConnPlugin conn, string where)
    {
        HubPeer[] inHub = [.. conn.Hub.Entries()];
        StagedPeer[] staged = [.. conn.Staging.Entries()];
        Assert.Empty(inHub.Select(p => p.Address).Intersect(staged.Select(p => p.Address)).Select(a => $"{a} is in both: {where}"));
        Assert.Empty(inHub.Select(p => p.FeedId).OfType<FeedId>().Intersect(staged.Select(p => p.FeedId).OfType<FeedId>()).Select(p => $"{p} is in both: {where}"));
        Assert.Empty(inHub.Where(p => p.FeedId is not null).GroupBy(p => p.FeedId).Where(g => g.Count() > 1).Select(g => $"{g.Key} is in the hub {g.Count()} times: {where}"));
    }
}
