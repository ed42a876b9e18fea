using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Unix sockets by their paths, whatever those are made of.</summary>
public sealed class ListeningSocketTests : IDisposable
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly string _folder = SocketFolder.Create("ssb-conn-");
    private readonly KeyPair _keys = KeyPair.Generate();

    public ListeningSocketTests() => Needs.UnixSockets();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _keys.Dispose();
        TestFolder.Delete(_folder);
    }

    // "unix:socket~noauth" is a socket in the working directory, whatever that is.
    [Fact]
    public void Open_NameWithoutAFolder_IsRefusedForItsFileSystem()
    {
        IOException failure = Listener.Unbound("socket", new SocketException((int)SocketError.OperationNotSupported));
        Assert.Contains("'socket'", failure.Message, StringComparison.Ordinal);
        Assert.IsType<SocketException>(failure.InnerException);
    }

    [Fact]
    public void Unbound_SocketThatIsLeftInAFolderThatCannotBeWritten_IsNotSaidToBeListenedAt()
    {
        Needs.UnixSockets();
        const string ReadOnly = "'/folder' is on a file system that is read-only.";
        string path = Path.Combine(_folder, "socket");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        var taken = new SocketException((int)SocketError.AddressAlreadyInUse);
        Assert.Equal($"The socket '{path}' is left of a program that has ended, and cannot be replaced: {ReadOnly}", Listener.Unbound(path, taken, ReadOnly).Message);
        socket.Listen();
        Assert.Equal($"The socket '{path}' cannot be listened at: another program listens there.", Listener.Unbound(path, taken, ReadOnly).Message);
    }

    [Fact]
    public void IsListening_SocketWithAndWithoutAProcess_TellsThemApart()
    {
        string path = Path.Combine(_folder, "socket");
        Assert.False(UnixSockets.IsListening(path));
        Assert.False(UnixSockets.IsListening(Path.Combine(_folder, new string('x', 200)))); // longer than the path of a socket can be
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            Assert.False(UnixSockets.IsListening(path)); // as a process that was killed leaves it
            socket.Listen();
            Assert.True(UnixSockets.IsListening(path));
        }
    }

    [Fact]
    public async Task OpenAsync_RouteThatAPersonChose_GivesItsStream()
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        int port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        MultiserverRoute route = MultiserverAddress.Parse($"net:peer.example:{port}~shs:{_keys.Id.ToBase64()}").Routes[0];
        var options = new RouteOptions { Resolve = (_, _) => Task.FromResult<System.Net.IPAddress[]>([System.Net.IPAddress.Loopback]), Timeout = s_guard };
        await using Stream stream = await Transport.OpenAsync(route, options, Token);
        using Socket caller = await listener.AcceptSocketAsync(Token);
        Assert.Equal(((NetworkStream)stream).Socket.LocalEndPoint, caller.RemoteEndPoint);
        Assert.Null(Transport.ProblemOf(route));
        MultiserverRoute another = MultiserverAddress.Parse($"net:127.0.0.1:{port}~shs2:x").Routes[0];
        await Assert.ThrowsAsync<ConnectFailedException>(() => Transport.OpenAsync(another, cancellationToken: Token));
    }

    [Theory]
    [InlineData("plain", true), InlineData("größe~1", false), InlineData("First Last", false), InlineData("a~b!c;d", true), InlineData("tab\there", false)]
    [InlineData("'quoted\"", true), InlineData("日本", false)]
    public async Task Open_FolderOfAnyName_IsListenedAt(string name, bool isHeldByAddresses)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && name.AsSpan().ContainsAny("\t\""), "Windows has no files of such a name.");
        await IsCalledAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, name)).FullName, "socket"), isHeldByAddresses);
    }

    [Fact]
    public async Task Open_NameWithAColon_IsListenedAt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no files of such a name.");
        await IsCalledAsync(Path.Combine(_folder, "a:b:"), isHeldByAddresses: true);
    }

    [Fact]
    public async Task Open_HandshakeAtAPathThatNoAddressHolds_GivesCallersAnAddress()
    {
        string path = Path.Combine(_folder, "First Last");
        await using PeerNetwork network = Open(new ListeningSocket(path) { HasHandshake = true });
        await using IAsyncEnumerator<IPeerConnection> callers = network.AcceptAsync(_ => true, Token).GetAsyncEnumerator(Token);
        ValueTask<bool> called = callers.MoveNextAsync();
        using var alice = KeyPair.Generate();
        BoxStream stream = await SecretHandshake.ConnectAsync(await ConnectAsync(path), alice, _keys.Id, new HandshakeOptions { Deadline = s_guard }, Token);
        await using RpcConnection rpc = RpcConnection.Start(stream);
        Assert.True(await called.AsTask().WaitAsync(s_guard, Token));
        Assert.Equal($"unix:{_folder}/First?Last~shs:{alice.Id.ToBase64()}", callers.Current.Address.Text);
        Assert.False(((PeerConnection)callers.Current).IsOurs);
    }

    [Fact]
    public async Task Dial_AsJavaScriptWritesIt_Reaches()
    {
        string path = Path.Combine(_folder, "socket");
        await using PeerNetwork network = Open(new ListeningSocket(path));
        Task accepting = AcceptAsync(network);
        using var alice = KeyPair.Generate();
        await using PeerNetwork other = PeerNetwork.Open(Unhurried.Network(alice));
        PeerConnection connection = await other.ConnectAsync(MultiserverAddress.Parse($"unix:{path}:~noauth"), Token).WaitAsync(s_guard, Token);
        Assert.NotEmpty((await connection.Rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token)).Procedures);
        await network.DisposeAsync();
        await accepting.WaitAsync(s_guard, Token);
    }

    [Fact]
    public void Open_PathIsTooLong_SaysHowLongItMayBe()
    {
        string path = Path.Combine(_folder, new string('ö', 60)); // 120 bytes
        NoUnixSocketException error = Assert.Throws<NoUnixSocketException>(() => Open(new ListeningSocket(path)));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains($"{System.Text.Encoding.UTF8.GetByteCount(path)} bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("shorter path", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoPath_IsRefused() => Assert.Throws<FormatException>(() => Open(new ListeningSocket("")));

    [Fact]
    public void Open_FolderIsNotThere_SaysSo()
    {
        string path = Path.Combine(_folder, "nowhere", "socket");
        IOException error = Assert.Throws<IOException>(() => Open(new ListeningSocket(path)));
        Assert.Contains($"there is no folder '{Path.Combine(_folder, "nowhere")}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AddressWithABlank_NamesTheOption()
    {
        var options = Unhurried.Network(_keys) with { Listen = ["unix:/First Last/socket~noauth"] };
        FormatException error = Assert.Throws<FormatException>(() => PeerNetwork.Open(options));
        Assert.Contains("Sockets", error.Message, StringComparison.Ordinal);
    }

    private async Task IsCalledAsync(string path, bool isHeldByAddresses)
    {
        await using PeerNetwork network = Open(new ListeningSocket(path));
        Task accepting = AcceptAsync(network);
        await using (RpcConnection rpc = RpcConnection.Start(await ConnectAsync(path)))
            Assert.NotEmpty((await rpc.GetManifestAsync(Token).WaitAsync(s_guard, Token)).Procedures);
        if (isHeldByAddresses)
            Assert.Equal(path, Assert.Single(Assert.Single(network.Addresses).Routes).Path);
        else
            Assert.Empty(network.Addresses);
        await network.DisposeAsync();
        await accepting.WaitAsync(s_guard, Token);
        Assert.False(File.Exists(path));
    }

    private PeerNetwork Open(ListeningSocket socket) => PeerNetwork.Open(Unhurried.Network(_keys) with
    {
        Sockets = [socket],
        Api = new RpcApi().Sync("greet", _ => RpcValue.True),
    });

    private static async Task AcceptAsync(PeerNetwork network)
    {
        await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, CancellationToken.None))
        {
            // Owners alone come by these sockets.
        }
    }

    private static async Task<Stream> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), Token);
        return new NetworkStream(socket, ownsSocket: true);
    }
}

/// <summary>Without unix sockets, as on older Windows.</summary>
[Collection(nameof(Alone))]
public sealed class NoUnixSocketsTests : IDisposable
{
    public NoUnixSocketsTests() => AppContext.SetSwitch(UnixSockets.OffSwitch, true);

    public void Dispose() => AppContext.SetSwitch(UnixSockets.OffSwitch, false);

    [Fact]
    public void Open_NoUnixSockets_SaysSo()
    {
        using var keys = KeyPair.Generate();
        NoUnixSocketException error = Assert.Throws<NoUnixSocketException>(
            () => PeerNetwork.Open(Unhurried.Network(keys) with { Sockets = [new ListeningSocket(Path.Combine(Path.GetTempPath(), "s"))] }));
        Assert.Contains("this system has no unix sockets", error.Message, StringComparison.Ordinal);
        Assert.Throws<NoUnixSocketException>(() => PeerNetwork.Open(Unhurried.Network(keys) with { Listen = ["unix:/tmp/s~noauth"] }));
    }

    [Fact]
    public async Task Dial_NoUnixSockets_FailsAsADialDoes()
    {
        using var keys = KeyPair.Generate();
        await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys));
        ConnectFailedException error = await Assert.ThrowsAsync<ConnectFailedException>(
            () => network.ConnectAsync(MultiserverAddress.Parse("unix:/tmp/s~noauth"), TestContext.Current.CancellationToken));
        Assert.Contains("no unix sockets", error.Message, StringComparison.Ordinal);
    }
}
