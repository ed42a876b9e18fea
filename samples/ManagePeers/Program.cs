using ManagePeers;
using Ssb;
using Ssb.Conn;
using Ssb.Wire;

// A network is two methods, dial and accept; this one is a page of TCP and Ssb.Wire.
using KeyPair alice = KeyPair.Generate(), bob = KeyPair.Generate();
using TcpNetwork hers = new(alice), his = new(bob);
await using ConnPlugin conn = await ConnPlugin.OpenAsync(hers, new ConnPluginOptions { OwnFeedId = alice.Id });
await using ConnPlugin other = await ConnPlugin.OpenAsync(his, new ConnPluginOptions { OwnFeedId = bob.Id });

// Whoever discovers peers stages them, and says who told. The scheduler dials by itself.
IAsyncEnumerable<HubEvent> events = conn.Hub.Listen();
conn.Stage(his.Address, new PeerData { Type = "lan", Verified = true }, source: "lan:lo/127.0.0.1");
await foreach (HubEvent e in events.Take(2))
    Console.WriteLine($"{e.Type} {e.Address}: {e.Reason}"); // Connecting ... free slot, Connected ... free slot

conn.Block(PeerTarget.From(bob.Id)); // it is disconnected, and neither dialled nor let in
Console.WriteLine(conn.Why(PeerTarget.From(bob.Id))); // where it is, who told of it, what happened and why
