// The bench alone: stage a peer, hear of it, see it expire.
using Ssb.Conn;

using var staging = new ConnStaging(new StagingOptions { TimeToLive = new Dictionary<string, TimeSpan> { ["lan"] = TimeSpan.FromSeconds(2) } });

IAsyncEnumerable<StagingEvent> events = staging.Listen(); // counts from here on
staging.Stage("net:192.168.1.4:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=",
    new StagedData { Type = "lan", Verified = true }, source: "lan:wlan0:192.168.1.4");

foreach (StagedPeer peer in staging.Entries())
    Console.WriteLine(peer.ToJson());

await foreach (StagingEvent e in events)
{
    Console.WriteLine($"{e.Type} {e.Address} {e.Reason}");
    if (e.Type == StagingEventType.Unstaged)
        break;
}
