using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>A life of a peer that has its socket in its own hands: it leaves by tearing it down, or by never reading again.</summary>
internal static class RawLife
{
    public static async Task RunAsync(Crowd crowd, int identity, Random random, CancellationToken cancellationToken)
    {
        using KeyPair keys = crowd.Cast.KeysOf(identity);
        double life = 1 + (random.NextDouble() * 15);
        bool isDialled = random.NextDouble() < 0.5, goesDeaf = random.NextDouble() < 0.5;
        using Socket socket = isDialled ? await BeDialledAsync(keys.Id, random, cancellationToken) : await DialAsync(crowd.Target!, cancellationToken); // nobody plays without
        crowd.Count(isDialled ? "raw lives, dialled" : "raw lives, calling");
        var ear = new TapStream(new NetworkStream(socket));
        var options = new HandshakeOptions { Network = crowd.Cast.Network };
        BoxStream stream = isDialled
            ? await SecretHandshake.AcceptAsync(ear, keys, static (_, _) => ValueTask.FromResult(true), options, cancellationToken)
            : await SecretHandshake.ConnectAsync(ear, keys, crowd.Target!.FeedId!.Value, options, cancellationToken); // our peer has a key
        var rpc = RpcConnection.Start(stream, new RpcOptions { Api = GossipPing.AddTo(new RpcApi()), Permissions = RpcPermissions.All, CloseTimeout = TimeSpan.FromSeconds(1) });
        using (var death = new CancellationTokenSource(TimeSpan.FromSeconds(life), TimeProvider.System))
        using (var over = CancellationTokenSource.CreateLinkedTokenSource(death.Token, cancellationToken))
        {
            try
            {
                await Chat.RunAsync(crowd, rpc, identity < Cast.Masters, random, over.Token);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                // It is time to leave.
            }
        }

        if (goesDeaf)
        {
            // Asks for much, takes nothing: longer than we send for nothing, sometimes.
            ear.IsDeaf = true;
            crowd.Count("raw peers gone deaf");
            for (int i = 0; i < 500; i++)
                _ = rpc.CallAsync("soak.echo", [new string('x', 20_000)], cancellationToken).ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await Crowd.Wait(5 + (random.NextDouble() * 35), cancellationToken);
        }

        crowd.Count("raw peers gone by reset");
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
        await rpc.DisposeAsync();
    }

    private static async Task<Socket> DialAsync(MultiserverAddress target, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, target.Routes[0].Port!.Value), cancellationToken); // a net route has one
        return socket;
    }

    private static async Task<Socket> BeDialledAsync(FeedId id, Random random, CancellationToken cancellationToken)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string address = $"net:127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}~shs:{id.ToBase64()}";
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10 + (random.NextDouble() * 20)), TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        Crowd.Say($"here {address}");
        try
        {
            return await listener.AcceptSocketAsync(either.Token);
        }
        finally
        {
            if (random.NextDouble() < 0.5)
                Crowd.Say($"gone {address}");
        }
    }
}
