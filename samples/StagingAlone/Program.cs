using Ssb.Conn;

using var staging = new ConnStaging(new StagingOptions { TimeToLive = StagingOptions.SsbTimeToLive });
IAsyncEnumerable<StagingEvent> events = staging.Listen(); // counts from here on

staging.Stage("net:192.168.1.4:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=",
    new PeerData { Type = "lan", Verified = true }, source: "lan:wlan0/192.168.1.4");

foreach (StagedPeer peer in staging.Entries())
    Console.WriteLine(peer.ToJson()); // ["net:192.168.1.4:8008~shs:...",{"key":"@pAhD...","type":"lan",...}]
await foreach (StagingEvent e in events.Take(2))
    Console.WriteLine($"{e.Type} {e.Address} {e.Reason}"); // Staged now, Unstaged (Expired) after 10 seconds of silence
