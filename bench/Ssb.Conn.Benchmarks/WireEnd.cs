using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>Our end of a connection: the same jobs as wire-side.js does, in this process or as a child of it.</summary>
internal sealed class WireEnd : IWorker
{
    private const int MessageSize = 100;

    private static readonly RpcApi s_api = new RpcApi()
        .Async("echo", (call, _) => new ValueTask<RpcValue>(call.Arguments[0]))
        .Source("numbers", (call, _) => NumbersAsync(call.Arguments[0].GetInt32()));

    private readonly KeyPair _keys = KeyPair.Generate();
    private readonly List<TcpListener> _listeners = [];
    private readonly List<RpcConnection> _connections = []; // under itself; those that others opened
    private readonly List<RpcConnection> _dialled = [];

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
            Task.WaitAll([.. _dialled.Concat(_connections).Select(c => c.DisposeAsync().AsTask())]);
        _keys.Dispose();
    }

    private string Answer(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement job = document.RootElement;
        return Do(Text("job"), Number, Text).GetAwaiter().GetResult();

        int Number(string name) => job.GetProperty(name).GetInt32();
        string Text(string name) => job.GetProperty(name).GetString()!; // those that are asked for are there
    }

    private async Task<string> Do(string job, Func<string, int> number, Func<string, string> text) => job switch
    {
        "echo" => $"{Listen(EchoAsync)}",
        "ping" => $"{await PingAsync(number("port"), number("count"))}",
        "serve" => $"{{\"port\":{Listen(ServeAsync)},\"key\":\"{_keys.Id.ToBase64()}\"}}",
        "connect" => $"{await HoldAsync(number("port"), text("key"), 1)}",
        "hold" => $"{await HoldAsync(number("port"), text("key"), number("count"))}",
        "calls" => $"{await CallsAsync(number("count"), number("parallel"))}",
        "messages" => $"{await MessagesAsync(number("count"))}",
        "receive" => $"{Listen(ReceiveAsync)}",
        "send" => $"{await SendAsync(number("port"), number("packets"))}",
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
        var connection = RpcConnection.Start(stream, new RpcOptions { Api = s_api, Permissions = RpcPermissions.All });
        lock (_connections)
            _connections.Add(connection);
    }

    // As the npm side does it: an async echo, and a source of objects of about 100 bytes.
    private static async IAsyncEnumerable<RpcValue> NumbersAsync(int count)
    {
        for (int i = 0; i < count; i++)
            yield return RpcValue.Json(new Message(i, "@ye+QM09iPcDJD6YvQYjoQc7sLF/IFhmNbEqgdzQo3lQ=.ed25519", "post"), WireEndJson.Default.Message);
        await Task.CompletedTask;
    }

    private async Task<int> HoldAsync(int port, string key, int count)
    {
        FeedId server = new(Convert.FromBase64String(key));
        for (int i = 0; i < count; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, port);
            _dialled.Add(RpcConnection.Start(await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), _keys, server)));
        }

        return _dialled.Count;
    }

    // Nanoseconds for one.
    private async Task<double> CallsAsync(int count, int parallel)
    {
        RpcConnection connection = _dialled[^1];
        int left = count;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, parallel).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) is var sent and >= 0)
                CheckBenchmarks.Expect((await connection.CallAsync("echo", [sent])).AsJson().GetInt32() == sent);
        }));
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
    }

    // Nanoseconds for one.
    private async Task<double> MessagesAsync(int count)
    {
        int seen = 0;
        long start = Stopwatch.GetTimestamp();
        await foreach (RpcValue message in _dialled[^1].Source("numbers", [count]))
            CheckBenchmarks.Expect(message.AsJson().GetProperty("sequence"u8).GetInt32() == seen++);
        CheckBenchmarks.Expect(seen == count);
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
    }

    // A box stream alone, of packets of 4 KiB: all is opened, then answered by the end.
    private static async Task ReceiveAsync(Socket socket)
    {
        await using var stream = BoxOver(socket);
        byte[] buffer = new byte[65_536];
        while (await stream.ReadAsync(buffer) > 0)
        {
            // Only how long it takes matters.
        }

        await stream.ShutdownAsync();
    }

    // Nanoseconds for a packet, from the first one sealed to the last one opened.
    private static async Task<double> SendAsync(int port, int packets)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = BoxOver(socket);
        byte[] packet = new byte[BoxStream.MaxPacketSize];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < packets; i++)
            await stream.WriteAsync(packet);
        await stream.ShutdownAsync();
        CheckBenchmarks.Expect(await stream.ReadAsync(packet) == 0);
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / packets;
    }

    private static BoxStream BoxOver(Socket socket)
    {
        byte[] key = new byte[BoxStreamKeys.KeySize], nonce = new byte[BoxStreamKeys.NonceSize];
        return new BoxStream(new NetworkStream(socket, ownsSocket: true), new BoxStreamKeys(key, nonce, key, nonce), default);
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

internal sealed record Message(int Sequence, string Author, string Type);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Message))]
internal sealed partial class WireEndJson : JsonSerializerContext;
