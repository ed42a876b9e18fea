using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Fuzz;

/// <summary>What is known of a peer, all the way: told over muxrpc or found in a file, served, written, loaded again, and there when the manager starts
/// again. What was accepted is served, and is read back as it was.</summary>
/// <remarks>
/// Input: choices 1 | bytes. Bit 0 of the choices says what the bytes are: 0, data that a peer tells; 1, <c>conn.json</c>. Bit 1: they are the value of a
/// field of the data, or of an entry; else they are the whole.
/// </remarks>
internal static class DataTarget
{
    private const string Remembered = "net:127.0.0.1:9751~noauth", Staged = "net:127.0.0.1:9752~noauth", Marker = "net:127.0.0.1:9753~noauth";

    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(60);

    // What address book and bench say themselves, whatever was told.
    private static readonly string[] s_theirs = ["birth", "key", "verified", "stagingBirth", "stagingUpdated"];

    public static void Run(byte[] input)
    {
        if (input.Length == 0)
            return;
        string folder = Directory.CreateTempSubdirectory("ssb-fuzz-data-").FullName;
        try
        {
            Targets.Require(Task.Run(() => RunAsync(folder, input[0], input.AsMemory(1))).Wait(s_guard), "It hangs.");
        }
        finally
        {
            foreach (string file in Directory.EnumerateFiles(folder))
                File.Delete(file);
            Directory.Delete(folder);
        }
    }

    private static async Task RunAsync(string folder, byte choices, ReadOnlyMemory<byte> bytes)
    {
        bool isFile = (choices & 1) != 0, isField = (choices & 2) != 0;
        if (isFile)
        {
            byte[] file = isField ? [.. Encoding.ASCII.GetBytes($"{{\"{Remembered}\":{{\"x\":"), .. bytes.Span, .. "}}"u8] : bytes.ToArray();
            await File.WriteAllBytesAsync(Path.Combine(folder, "conn.json"), file);
        }
        else
        {
            ReadOnlyMemory<byte> data = isField ? (byte[])[.. "{\"x\":"u8, .. bytes.Span, .. "}"u8] : bytes;
            if (IsJson(data))
                await TellAsync(folder, data);
            else
                Targets.Require(Throws(() => JsonGate.Parse(data.Span)), "The gate takes what is not JSON.");
        }

        DbPeer[] loaded = await LoadAsync(folder, mark: true, mayBeDamaged: isFile);
        DbPeer[] again = await LoadAsync(folder, mark: false, mayBeDamaged: false);
        Targets.Require(again.SequenceEqual(loaded), "What was written is read as something else.");
        await using ConnPlugin started = await OpenAsync(folder);
        await using var talk = new Talk(started);
        await ServedAsync(talk, Marker);
    }

    private static async Task TellAsync(string folder, ReadOnlyMemory<byte> json)
    {
        await using ConnPlugin plugin = await OpenAsync(folder);
        await using var talk = new Talk(plugin);
        bool isRemembered = await talk.TryAsync("conn.remember", Remembered, json), isStaged = await talk.TryAsync("conn.stage", Staged, json);
        (JsonElement[] db, JsonElement[] bench) = await ServedAsync(talk, Remembered);
        Check(db, Remembered, isRemembered, json);
        Check(bench, Staged, isStaged, json);
    }

    private static void Check(JsonElement[] entries, string address, bool isAccepted, ReadOnlyMemory<byte> json)
    {
        JsonElement[] entry = [.. entries.Where(entry => JsonGate.TextOf(entry[0]) == address)];
        Targets.Require(entry.Length == (isAccepted ? 1 : 0), "What was accepted is not served, or what was refused is.");
        // As JavaScript reads what is not UTF-8.
        JsonElement told = isAccepted ? JsonGate.Parse(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(json.Span))) : default;
        if (told.ValueKind != JsonValueKind.Object)
            return;
        PeerData served = PeerData.Of(entry[0][1]);
        foreach ((string name, JsonElement value) in PeerData.Of(told).Fields)
            Targets.Require(s_theirs.Contains(name) || (served.TryGet(name, out JsonElement there) && JsonGate.AreEqual(value, there)), "What is served is not what was told.");
    }

    /// <summary>All that is served can be read by whoever reads with care, and with the means of System.Text.Json as deep as they read.</summary>
    private static async Task<(JsonElement[] Db, JsonElement[] Bench)> ServedAsync(Talk talk, string about)
    {
        RpcValue[] served =
        [
            await talk.CallAsync("conn.dbPeers"), await talk.FirstAsync("conn.stagedPeers"), await talk.FirstAsync("conn.peers"),
            await talk.CallAsync("conn.suggestions"), await talk.CallAsync("conn.why", about), await talk.CallAsync("conn.rules"),
        ];
        foreach (RpcValue value in served)
        {
            _ = JavaScriptJson.Compact(value.Bytes.Span); // as the tool shows it
            using var document = JsonDocument.Parse(value.Bytes);
        }

        return ([.. served[0].AsJson().EnumerateArray()], [.. served[1].AsJson().EnumerateArray()]);
    }

    private static async Task<DbPeer[]> LoadAsync(string folder, bool mark, bool mayBeDamaged)
    {
        await using ConnDb db = await ConnDb.OpenAsync(folder);
        Targets.Require(mayBeDamaged || db.DamagedFile is null, "What was written is damaged.");
        if (mark)
            db.Set(MultiserverAddress.Parse(Marker), PeerData.Empty.With("marker", mark));
        foreach (DbPeer peer in db.Entries())
        {
            _ = (peer.Data.Duration, peer.Data.Ping, peer.Data.ToString(), peer.ToString());
            Targets.Require(JsonSerializer.Deserialize(peer.ToJson(), ConnJsonContext.Default.DbPeer) == peer, "An entry that its JSON does not give back.");
        }

        return [.. db.Entries()];
    }

    private static Task<ConnPlugin> OpenAsync(string folder) => ConnPlugin.OpenAsync(new NoNetwork(), new ConnPluginOptions { Folder = folder, HasNetwork = static () => false });

    private static bool IsJson(ReadOnlyMemory<byte> text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = int.MaxValue });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool Throws(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (FormatException)
        {
            return true;
        }
    }

    /// <summary>Two connections that are each other's other end: an owner's, and one that serves the manager.</summary>
    private sealed class Talk : IAsyncDisposable
    {
        private readonly RpcConnection _owner, _server;

        public Talk(ConnPlugin plugin)
        {
            Channel<ReadOnlyMemory<byte>> there = Channel.CreateUnbounded<ReadOnlyMemory<byte>>(), back = Channel.CreateUnbounded<ReadOnlyMemory<byte>>();
            _server = RpcConnection.Start(new Half(there.Reader, back.Writer), new RpcOptions { Api = ConnApi.AddTo(new RpcApi(), plugin, default), Permissions = RpcPermissions.All });
            _owner = RpcConnection.Start(new Half(back.Reader, there.Writer), new RpcOptions());
        }

        public Task<RpcValue> CallAsync(string name, params RpcValue[] arguments) => _owner.CallAsync(name, arguments);

        /// <returns>false if it was refused.</returns>
        public async Task<bool> TryAsync(string name, string address, ReadOnlyMemory<byte> data)
        {
            try
            {
                await _owner.CallAsync(name, [address, RpcValue.RawJson(data)]);
                return true;
            }
            catch (RpcException e) when (e.Error == RpcError.Remote)
            {
                Targets.Require(!e.Message.Contains("internal error", StringComparison.Ordinal), "The manager threw what it should not.");
                return false;
            }
        }

        public async Task<RpcValue> FirstAsync(string name)
        {
            await using RpcSource source = _owner.Source(name);
            await foreach (RpcValue first in source)
                return first;
            throw new InvalidDataException("A stream without a beginning.");
        }

        public async ValueTask DisposeAsync()
        {
            await _owner.DisposeAsync();
            await _server.DisposeAsync();
        }
    }

    private sealed class Half(ChannelReader<ReadOnlyMemory<byte>> incoming, ChannelWriter<ReadOnlyMemory<byte>> outgoing) : Stream
    {
        private ReadOnlyMemory<byte> _rest;

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (_rest.IsEmpty)
            {
                if (!await incoming.WaitToReadAsync(cancellationToken))
                    return 0;
                _ = incoming.TryRead(out _rest);
            }

            int count = Math.Min(buffer.Length, _rest.Length);
            _rest[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return count;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            outgoing.TryWrite(buffer.ToArray()) ? default : ValueTask.FromException(new IOException("The other end is closed."));

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
            // Nothing is kept back.
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            outgoing.TryComplete();
            base.Dispose(disposing);
        }
    }

    private sealed class NoNetwork : IPeerNetwork
    {
        public Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken) =>
            Task.FromException<IPeerConnection>(new ConnectFailedException("there is no network"));

        public async IAsyncEnumerable<IPeerConnection> AcceptAsync(
            Func<FeedId, bool> isWelcome, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            yield break;
        }
    }
}
