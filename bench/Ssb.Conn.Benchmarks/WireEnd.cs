using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>Our end of a connection: the same jobs as wire-side.js does, in this process or as a child of it.</summary>
internal sealed class WireEnd : IWorker
{
    private const int MessageSize = 100;

    private readonly KeyPair _keys = KeyPair.Generate();
    private readonly List<TcpListener> _listeners = [];
    private readonly List<BoxStream> _connections = []; // under itself

    /// <summary>The same program once more, as a server.</summary>
    public static ChildProcess StartChild() =>
        ChildProcess.Start("dotnet", Path.Combine(AppContext.BaseDirectory, "Ssb.Conn.Benchmarks.dll"), "wire-end");

    /// <summary>What that child does until its input ends.</summary>
    public static int Serve()
    {
        using var end = new WireEnd();
        while (Console.ReadLine() is { } line)
            Console.WriteLine($"{{\"result\":{end.Answer(line)}}}");
        return 0;
    }

    public JsonElement Ask(string job, params (string Name, object Value)[] arguments)
    {
        using JsonDocument answer = JsonDocument.Parse(Answer(LineJson.Write(job, arguments)));
        return answer.RootElement.Clone();
    }

    public void Dispose()
    {
        _listeners.ForEach(l => l.Dispose());
        lock (_connections)
            _connections.ForEach(c => c.Dispose());
        _keys.Dispose();
    }

    private string Answer(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement job = document.RootElement;
        return Do(job.GetProperty("job").GetString()!, Number) // every line names its job
            .GetAwaiter().GetResult();

        int Number(string name) => job.GetProperty(name).GetInt32();
    }

    private async Task<string> Do(string job, Func<string, int> number) => job switch
    {
        "echo" => $"{Listen(EchoAsync)}",
        "ping" => $"{await PingAsync(number("port"), number("count"))}",
        "serve" => $"{{\"port\":{Listen(ServeAsync)},\"key\":\"{_keys.Id.ToBase64()}\"}}",
        "memory" => Memory(),
        _ => throw new InvalidOperationException($"No job is called {job}."),
    };

    private int Listen(Func<Socket, Task> serve)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        _listeners.Add(listener);
        listener.Start(512);
        _ = AcceptAsync(); // ends with the listener
        return ((IPEndPoint)listener.LocalEndpoint).Port;

        async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    Socket socket = await listener.AcceptSocketAsync();
                    socket.NoDelay = true;
                    _ = serve(socket); // ends with the socket
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The sitting is over.
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        BoxStream stream = await SecretHandshake.AcceptAsync(
            new NetworkStream(socket, ownsSocket: true), _keys, static (_, _) => ValueTask.FromResult(true));
        lock (_connections)
            _connections.Add(stream);
        // muxrpc is to be plugged in here: an RpcConnection over the stream, with the methods of `api` in wire-side.js; and in Do,
        // as the jobs "connect", "calls" and "messages".
        byte[] buffer = new byte[1];
        while (await stream.ReadAsync(buffer) > 0)
        {
            // Nobody says anything yet; a read is under way all the same, as it is on every connection that is idle.
        }
    }

    private static async Task EchoAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        byte[] message = new byte[MessageSize];
        while (await stream.ReadAtLeastAsync(message, MessageSize, throwOnEndOfStream: false) == MessageSize)
            await stream.WriteAsync(message);
    }

    // Nanoseconds for one message there and back.
    private static async Task<double> PingAsync(int port, int count)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        byte[] message = new byte[MessageSize];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            await stream.WriteAsync(message);
            await stream.ReadExactlyAsync(message);
        }

        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
    }

    // Bytes resident after collections.
    private string Memory()
    {
        for (int i = 0; i < 5; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        lock (_connections)
            return $"{{\"bytes\":{Environment.WorkingSet},\"peers\":{_connections.Count}}}";
    }
}
