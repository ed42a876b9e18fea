namespace Ssb.Conn.Tests.Why;

/// <summary>Peers of all sorts that all fail, asked for at random moments: the next dial of each is by the route, and within the times, that were said.</summary>
public class WhyForecastTests : PluginTestBase
{
    private static readonly string[] s_types = ["internet", "pub", "lan", "room-attendant", "dht", "room"];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task NextDial_IsAsItWasSaid(int seed)
    {
#pragma warning disable CA5394 // chance, not secrecy
        var random = new Random(seed);
        Unreachable();
        ConnPlugin conn = await Open(new ConnPluginOptions
        {
            Scheduler = new SchedulerOptions { DialsPerMinute = int.MaxValue, Seed = seed, PeerQuota = 8, RoomQuota = 8 },
            Staging = new StagingOptions(), // nobody expires
        });
        int peers = random.Next(1, 5);
        for (int peer = 1; peer <= peers; peer++)
        {
            bool isRoom = random.Next(4) == 0;
            for (int route = random.Next(1, 4); route > 0; route--)
            {
                string type = isRoom ? "room" : s_types[random.Next(s_types.Length - 1)];
                MultiserverAddress address = Given.Address(peer, $"{10 + route}");
                if (isRoom || random.Next(3) == 0)
                    conn.Remember(address, OfType(type));
                else
                    conn.Stage(address, type == "lan" ? Lan() : OfType(type), random.Next(3) switch { 0 => null, 1 => "pub:x", _ => "room:y" });
                if (random.Next(2) == 0)
                    Seconds(random.Next(1, 20));
            }
        }

        int checks = 0;
        for (int i = 0; i < 120; i++)
        {
            Seconds(random.NextDouble() * 30);
            int peer = random.Next(1, peers + 1);
            WhyRoute[] said = [.. conn.Why(Given.Peer(peer)).Routes];
            WhyRoute[] possible = [.. said.Where(r => !r.Outlook.StartsWith("Another route", StringComparison.Ordinal))];
            WhyRoute first = possible[0];
            Assert.All(possible, r => Assert.Equal(
                (possible.Length > 1, first.RetryAt, first.RetryBy, first.Place), (r.Outlook.Contains("by this route or another", StringComparison.Ordinal), r.RetryAt, r.RetryBy, r.Place)));
            Assert.All(said.Except(possible), r => Assert.Contains(r.Outlook, possible.Select(p => $"Another route to it is dialled before this one: {p.Address}")));
            Assert.Matches("^(To be dialled next|To be dialled soon|It is left alone for a while|It is about the|It is the)", first.Outlook);
            DateTimeOffset now = Time.GetUtcNow(), by = first.RetryBy ?? now.AddSeconds(2.1);
            if (first is { Place: > 1 } or { RetryBy: null, RetryAt: not null })
                continue; // others go before it, and change what is said
            if (by - now > TimeSpan.FromMinutes(20))
                break; // they have failed often
            int dials = Network.Dials.Count;
            while (OfPeer(peer, dials) is null && Time.GetUtcNow() < by)
                Time.RunFor(TimeSpan.FromMilliseconds(100));
            Assert.Contains(OfPeer(peer, dials), possible.Select(r => r.Address));
            Assert.True(first.RetryAt is not { } from || Time.GetUtcNow() >= from, $"{first} was dialled at {Time.GetUtcNow():u}.");
            checks++;
        }

        Assert.True(checks > 0);
#pragma warning restore CA5394
    }

    private MultiserverAddress? OfPeer(int peer, int after) =>
        Network.Dials.Skip(after).Select(d => d.Address).FirstOrDefault(a => a.FeedId == Given.FeedId(peer));
}
