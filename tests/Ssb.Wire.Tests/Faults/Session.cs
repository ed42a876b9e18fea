namespace Ssb.Wire.Tests.Faults;

/// <summary>A whole session: handshake, a call, a source, a duplex, and a graceful close, about 1 kB each way.</summary>
internal static class Session
{
    /// <summary>Bytes of the handshake: hello and proof.</summary>
    public const int HandshakeToServer = 64 + 112;

    /// <summary>Bytes of the handshake: hello and acceptance.</summary>
    public const int HandshakeToClient = 64 + 80;

    private static readonly KeyPair s_client = KeyPair.FromSeed(Enumerable.Repeat((byte)1, 32).ToArray());
    private static readonly KeyPair s_server = KeyPair.FromSeed(Enumerable.Repeat((byte)2, 32).ToArray());
    private static readonly HandshakeOptions s_handshake = new() { Deadline = Timeout.InfiniteTimeSpan };

    private static readonly string[] s_items = [.. Enumerable.Range(0, 5).Select(i => $"item {i}, {new string((char)('a' + i), 60)}")];
    private static readonly string[] s_words = ["one", new string('w', 300), "three"];

    /// <summary>All that the client gets, in order.</summary>
    public static IReadOnlyList<string> Expected { get; } = ["7", .. s_items, .. s_words];

    /// <summary>All that the server's procedures get, in order.</summary>
    public static IReadOnlyList<string> ExpectedByServer { get; } = ["[3,4]", "[5]", .. s_words];

    /// <summary>Runs it over these two ends.</summary>
    public static async Task<(Side Client, Side Server)> RunAsync(Stream clientEnd, Stream serverEnd)
    {
        Task<Side> server = ServeAsync(serverEnd);
        Side client = await PlayAsync(clientEnd);
        return (client, await server);
    }

    public static async Task<Side> ServeAsync(Stream stream)
    {
        var side = new Side();
        try
        {
            BoxStream box = await SecretHandshake.AcceptAsync(stream, s_server, (id, _) => new ValueTask<bool>(id == s_client.Id), s_handshake);
            RpcConnection connection = RpcConnection.Start(box, Options(MakeApi(side.Got)));
            side.Connection = new WeakReference(connection);
            side.End = await connection.Completion;
            side.CheckNothingIsLeft(connection);
        }
        catch (HandshakeException e)
        {
            side.Handshake = e;
        }

        return side;
    }

    public static async Task<Side> PlayAsync(Stream stream)
    {
        var side = new Side();
        try
        {
            BoxStream box = await SecretHandshake.ConnectAsync(stream, s_client, s_server.Id, s_handshake);
            RpcConnection connection = RpcConnection.Start(box, Options(new RpcApi()));
            side.Connection = new WeakReference(connection);
            try
            {
                await PlayAsync(connection, side.Got);
            }
            catch (RpcException e)
            {
                side.Call = e;
            }

            await connection.CloseAsync();
            side.End = await connection.Completion;
            side.CheckNothingIsLeft(connection);
        }
        catch (HandshakeException e)
        {
            side.Handshake = e;
        }

        return side;
    }

    private static async Task PlayAsync(RpcConnection connection, List<string> got)
    {
        got.Add((await connection.CallAsync("add", [3, 4])).AsJson().GetRawText());
        await foreach (RpcValue item in connection.Source("items", [5]))
            got.Add(item.AsText());
        await using RpcDuplex echo = connection.Duplex("echo");
        IAsyncEnumerator<RpcValue> echoes = echo.ReadAllAsync().GetAsyncEnumerator();
        foreach (string word in s_words)
        {
            await echo.WriteAsync(word);
            if (await echoes.MoveNextAsync())
                got.Add(echoes.Current.AsText());
        }

        echo.Complete();
        if (await echoes.MoveNextAsync())
            got.Add("more than was sent: " + echoes.Current.AsText());
        await echoes.DisposeAsync();
    }

    private static RpcApi MakeApi(List<string> got) => new RpcApi()
        .Async("add", async (call, _) =>
        {
            await Task.Yield();
            got.Add(call.Arguments.GetRawText());
            return call.Arguments[0].GetInt64() + call.Arguments[1].GetInt64();
        })
        .Source("items", (call, _) =>
        {
            got.Add(call.Arguments.GetRawText());
            return ItemsAsync();
        })
        .Duplex("echo", async (_, stream, cancellationToken) =>
        {
            await foreach (RpcValue word in stream.ReadAllAsync(cancellationToken))
            {
                got.Add(word.AsText());
                await stream.WriteAsync(word, cancellationToken);
            }
        });

    private static async IAsyncEnumerable<RpcValue> ItemsAsync()
    {
        foreach (string item in s_items)
        {
            yield return item;
            await Task.CompletedTask;
        }
    }

    // No time-out may be what ends a session: that would be a hang.
    private static RpcOptions Options(RpcApi api) => new()
    {
        Api = api,
        Permissions = RpcPermissions.All,
        IdleTimeout = Timeout.InfiniteTimeSpan,
        SendTimeout = Timeout.InfiniteTimeSpan,
        CloseTimeout = 2 * Wait.Guard,
    };

    /// <summary>What one side saw.</summary>
    internal sealed class Side
    {
        public List<string> Got { get; } = [];

        /// <summary>How the handshake failed, if it did.</summary>
        public HandshakeException? Handshake { get; set; }

        /// <summary>What ended the client's calls, if they did not come to their end.</summary>
        public RpcException? Call { get; set; }

        /// <summary>How the connection ended, if there was one.</summary>
        public RpcEnd? End { get; set; }

        public WeakReference? Connection { get; set; }

        /// <summary>What was left over at the end, for people; null if nothing was.</summary>
        public string? Left { get; private set; }

        public void CheckNothingIsLeft(RpcConnection connection)
        {
            if (connection.Exchanges.Count + connection.RunningProcedures > 0)
                Left = $"{connection.Exchanges.Count} calls and streams, {connection.RunningProcedures} procedures";
        }

        public override string ToString() =>
            $"{Handshake?.Failure.ToString() ?? End?.ToString()}, got {Got.Count}, call: {Call?.Error} {Call?.Message}, left: {Left ?? "nothing"}";
    }
}
