using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

using KeyPair alice = KeyPair.Generate(), bob = KeyPair.Generate();
using var listener = new TcpListener(IPAddress.Loopback, 0);
listener.Start();

// Bob serves: who comes in is decided here, and what they may call in RpcOptions.Permissions.
RpcApi api = GossipPing.AddTo(new RpcApi())
    .Sync("whoami", call => $"you are {call.Caller}")
    .Source("countdown", (call, _) => AsyncEnumerable.Range(1, call.Arguments[0].GetInt32()).Reverse().Select(n => (RpcValue)n));
async Task<RpcConnection> ServeAsync()
{
    Socket socket = await listener.AcceptSocketAsync();
    socket.NoDelay = true; // a call should not wait for the next one
    BoxStream stream = await SecretHandshake.AcceptAsync(new NetworkStream(socket, ownsSocket: true), bob, (who, _) => new(true));
    return RpcConnection.Start(stream, new RpcOptions { Api = api, Permissions = RpcPermissions.All });
}

Task<RpcConnection> serving = ServeAsync();

// Alice dials Bob, whose key she knows, and calls.
var dialled = new TcpClient { NoDelay = true };
await dialled.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
await using RpcConnection peer = RpcConnection.Start(await SecretHandshake.ConnectAsync(dialled.GetStream(), alice, bob.Id));
Console.WriteLine((await peer.CallAsync("whoami")).AsText());
await foreach (RpcValue number in peer.Source("countdown", [3]))
    Console.WriteLine(number.AsJson());
Console.WriteLine((await GossipPing.MeasureAsync(peer)).RoundTrip);

await peer.CloseAsync();
Console.WriteLine((await (await serving).Completion).Reason); // Goodbye
