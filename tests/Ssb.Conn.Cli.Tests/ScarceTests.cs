using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The real process where descriptors, readers of its output, or memory are scarce.</summary>
public sealed partial class ScarceTests : IDisposable
{
    private const int Descriptors = 125; // of which a peer has 95 open when nobody has called it
    private const int Flood = 100;

    private readonly string _folder = SocketFolder.Create("ssb-conn-test");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Start => $"start --json --no-lan --no-dial --host 127.0.0.1 --port 0 --ws-port 0 --path {_folder}";

    public void Dispose() => TestFolder.Delete(_folder);

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("unix"), InlineData("net"), InlineData("ws"), InlineData("unix net ws")]
    public async Task Start_FloodBeyondItsDescriptors_GoesOn(string transports)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        Assert.SkipUnless(OperatingSystem.IsLinux(), "How many descriptors a peer needs was counted on Linux.");
        using Tool tool = Tool.StartUnder(["sh", "-c", $"ulimit -n {Descriptors} && exec \"$@\"", "sh"], Start, token);
        JsonElement started = Assert.Single(await tool.ReadUntilAsync(_ => true));
        EndPoint[] places = [.. transports.Split(' ').Select(transport => PlaceOf(started, transport))];
        await using RpcConnection held = await OwnerAsync();
        await held.CallAsync("whoami", cancellationToken: token);
        for (int round = 0; round < 2; round++)
        {
            List<Socket> flood = [];
            foreach (EndPoint place in places)
            {
                for (int i = 0; i < Flood; i++)
                    flood.Add(await ConnectAsync(place));
            }

            await held.CallAsync("whoami", cancellationToken: token); // who was there before is answered
            flood.ForEach(socket => socket.Dispose());
        }

        // Afterwards it is as before.
        while (true)
        {
            try
            {
                await using RpcConnection newcomer = await OwnerAsync();
                await newcomer.CallAsync("whoami", cancellationToken: token);
                break;
            }
            catch (RpcException)
            {
                // What is closed takes a moment. The time limit of the test ends this.
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, token);
            }
        }

        await held.DisposeAsync();
        tool.Signal("TERM");
        await tool.ReadUntilAsync(_ => false);
        (int code, string error) = await tool.EndAsync();
        Assert.Equal(0, code);
        string[] lines = [.. error.Split('\n').Where(line => line.StartsWith("ssb-conn: ", StringComparison.Ordinal))];
        Assert.InRange(lines.Length, 1, 6); // of the limit, and for each flood that it began and ended
        Assert.StartsWith($"ssb-conn: This process may have {Descriptors} file descriptors", lines[0], StringComparison.Ordinal);
        Assert.DoesNotMatch(@"callers refused +0\s", error);
    }

    // The pipes are full from the start, and nobody reads them. The address book is damaged, so that there is something to complain of.
    [Theory(Timeout = Patience.WholeTest)]
    [InlineData(false, true, "--json"), InlineData(true, false, "--json"), InlineData(true, true, "--json")]
    [InlineData(true, true, "--quiet")]
    public async Task Start_FullPipes_DoNotKeepASignalFromEndingIt(bool isOutputFull, bool isErrorFull, string how)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux opens a named pipe for both ends, so that it can be filled.");
        await File.WriteAllTextAsync(Path.Combine(_folder, "conn.json"), "{damaged", token);
        using var pipe = new FullPipe();
        string redirect = $"{(isOutputFull ? $" >'{pipe.Name}'" : " >/dev/null")}{(isErrorFull ? $" 2>'{pipe.Name}'" : " 2>/dev/null")}";
        string arguments = $"start {how} --no-lan --no-dial --host 127.0.0.1 --port 0 --path {_folder}";
        using Tool tool = Tool.StartUnder(["sh", "-c", $"exec \"$@\"{redirect}", "sh"], arguments, token);
        await using RpcConnection owner = await OwnerAsync(); // it runs, and answers, all the same
        const string Friend = "net:127.0.0.1:9~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
        await owner.CallAsync("conn.remember", [Friend], token);
        tool.Signal("TERM");

        Assert.Equal(RpcEndReason.Goodbye, (await owner.Completion.WaitAsync(token)).Reason);
        Assert.Equal((0, ""), await tool.EndAsync());
        Assert.Contains(Friend, await File.ReadAllTextAsync(Path.Combine(_folder, "conn.json"), token), StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_HeapTooSmallForItsView_GoesOnWithoutIt()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using TerminalPane pane = await TerminalPane.OpenAsync(200, 12, token);
        string folder = Path.Combine(_folder, "p");
        await pane.TypeAsync($"DOTNET_GCHeapHardLimit=0x3C00000 {InTerminal(folder)}", "Enter");
        await using RpcConnection owner = await OwnerAsync(folder);
        for (int i = 0; i < 20_000; i++)
        {
            string key = Convert.ToBase64String([.. BitConverter.GetBytes(i + 1), .. new byte[28]]);
            RpcValue data = RpcValue.RawJson("""{"type":"pub"}"""u8.ToArray());
            try
            {
                await owner.CallAsync("conn.stage", [$"net:127.0.0.1:{1_000 + i}~shs:{key}", data], token);
            }
            catch (RpcException e) when (e.Error == RpcError.Remote)
            {
                // There was no memory for this one. What matters is that the peer goes on.
            }
        }

        await owner.CallAsync("whoami", cancellationToken: token);
        await pane.TypeAsync("C-c");
        string[] screen = await pane.UntilAsync(rows => rows.Any(row => row.StartsWith("gave ", StringComparison.Ordinal)));
        Assert.Contains(screen, row => row.StartsWith("gave 0", StringComparison.Ordinal));
    }

    // An address book that does not fit into one body is an error to who follows it, and the view follows it.
    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_ViewThatIsEndedByABound_GoesOnWithoutIt()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using TerminalPane pane = await TerminalPane.OpenAsync(200, 12, token);
        await File.WriteAllTextAsync(Path.Combine(_folder, "conn.json"), StartTests.BookOf(24_000), token);
        await pane.TypeAsync(InTerminal(_folder), "Enter");
        await pane.UntilAsync(rows => rows.Any(row => row.StartsWith("ssb-conn: the live view has ended: ", StringComparison.Ordinal)));
        await using RpcConnection owner = await OwnerAsync();
        await owner.CallAsync("whoami", cancellationToken: token);
        await pane.TypeAsync("C-c");

        await pane.UntilAsync(rows => rows.Any(row => row.StartsWith("gave 0", StringComparison.Ordinal)));
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_LinesThatAreEndedByABound_AreToldOnceAndThePeerGoesOn()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no signals to another process.");
        await File.WriteAllTextAsync(Path.Combine(_folder, "conn.json"), StartTests.BookOf(24_000), token);
        using Tool tool = Tool.Start(Start, token);
        int attached = 0;
        // They begin again, and again.
        await tool.ReadUntilAsync(line => line.GetProperty("change").GetString() == "attached" && ++attached == 3);
        await using RpcConnection owner = await OwnerAsync();
        await owner.CallAsync("whoami", cancellationToken: token);
        tool.Signal("TERM");
        await tool.ReadUntilAsync(_ => false);
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.Single(error.Split('\n'), line => line.StartsWith("ssb-conn: No JSON lines are written", StringComparison.Ordinal));
    }

    private static string InTerminal(string folder) =>
        $"{Tool.InShell} start --no-lan --no-dial --host 127.0.0.1 --port 0 --path {folder}; echo gave $?";

    private static EndPoint PlaceOf(JsonElement started, string transport)
    {
        MultiserverRoute route = started.GetProperty("addresses").EnumerateArray()
            .Select(address => MultiserverAddress.Parse(address.GetString()!).Routes[0]) // each is an address
            .First(route => route.Transport == transport);
        return route.Path is { } path ? new UnixDomainSocketEndPoint(path)
            : new IPEndPoint(IPAddress.Loopback, route.Port!.Value); // it has a path or a port
    }

    private static async Task<Socket> ConnectAsync(EndPoint place)
    {
        var socket = new Socket(place.AddressFamily, SocketType.Stream, place is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        await socket.ConnectAsync(place, Token);
        return socket;
    }

    // As a program of this user, as soon as the peer is there; the time-out of the test ends the wait.
    private async Task<RpcConnection> OwnerAsync(string? folder = null)
    {
        while (true)
        {
            try
            {
                var place = new UnixDomainSocketEndPoint(Path.Combine(folder ?? _folder, "socket"));
                return RpcConnection.Start(new NetworkStream(await ConnectAsync(place), ownsSocket: true));
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
            }
        }
    }

    /// <summary>A named pipe that holds as much as it can, and that nobody reads.</summary>
    private sealed partial class FullPipe : IDisposable
    {
        private readonly FileStream _both;

        public FullPipe()
        {
            Name = Path.Combine(Path.GetTempPath(), $"ssb-conn-test-{Guid.NewGuid():N}");
            if (MakePipe(Name, 0x180) != 0) // 0600
                throw new IOException($"The pipe '{Name}' could not be made.");
            // Opened for both ends, so that neither waits for the other.
            _both = new FileStream(Name, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            int file = (int)_both.SafeFileHandle.DangerousGetHandle();
            // For this descriptor alone: whoever opens the pipe by its name waits.
            if (Control(file, SetFlags, Control(file, GetFlags, 0) | NonBlocking) != 0)
                throw new IOException($"The pipe '{Name}' cannot be filled.");
            byte[] piece = new byte[4_096];
            try
            {
                while (true)
                    _both.Write(piece.AsSpan(0, 1_024));
            }
            catch (IOException)
            {
                // It is full.
            }
        }

        private const int GetFlags = 3, SetFlags = 4, NonBlocking = 0x800; // F_GETFL, F_SETFL, O_NONBLOCK

        public string Name { get; }

        public void Dispose()
        {
            _both.Dispose();
            File.Delete(Name);
        }

        [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
        private static partial int MakePipe(string path, uint mode);

        [LibraryImport("libc", EntryPoint = "fcntl")]
        private static partial int Control(int file, int command, int argument);
    }
}
