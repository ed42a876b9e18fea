using Ssb.Conn.Net;

await using SsbPeer peer = await SsbPeer.StartAsync(new SsbPeerOptions
{
    Folder = args.FirstOrDefault() ?? "peer", // who we are, and the address book
    Listen = ["net:0.0.0.0:8008~shs"],
    Lan = new LanOptions(), // announces us, finds others; the scheduler dials them
    OnConnected = async (connection, _) =>
    {
        Console.WriteLine($"{connection} is here");
        await connection.Closed;
        Console.WriteLine($"{connection} is gone");
    },
});

Console.WriteLine($"{peer.Id} at {string.Join(", ", peer.Addresses)}");
var stop = new TaskCompletionSource();
Console.CancelKeyPress += (_, key) => key.Cancel = stop.TrySetResult();
await stop.Task; // Ctrl+C
