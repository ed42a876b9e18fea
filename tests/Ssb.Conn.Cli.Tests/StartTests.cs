using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Ssb.Conn.Cli.Starting;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary><c>start</c>: the real process with its real peer and neighbours, on loopback, in folders of the test's own.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _folder = SocketFolder.Create("ssb-conn-start");

    public void Dispose() => TestFolder.Delete(_folder);

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_Neighbours_AreStagedDialledConnectedAndLost()
    {
        using Tool tool = Tool.Start($"start --neighbours 3 --port 0 --path {_folder}", TestContext.Current.CancellationToken);
        var connected = new HashSet<string>();
        List<JsonElement> lines = await tool.ReadUntilAsync(line =>
        {
            if (Pool(line) == "hub" && line.TryGetProperty("entry", out JsonElement entry) && entry[1].GetProperty("state").GetString() == "connected")
                connected.Add(entry[0].GetString()!);
            return connected.Count == 3;
        });

        Assert.Equal("started", Change(lines[0]));
        Assert.Equal(
            Socket.OSSupportsUnixDomainSockets,
            lines[0].GetProperty("addresses").EnumerateArray().Any(address => address.GetString() == SocketFolder.AddressIn(_folder)));
        Assert.DoesNotContain(lines[0].GetProperty("addresses").EnumerateArray(), address => address.GetString()!.StartsWith("net:", StringComparison.Ordinal)
            && !address.GetString()!.StartsWith("net:127.0.0.1:", StringComparison.Ordinal));
        Assert.Contains(lines, line => Change(line) == "added" && Pool(line) == "staging"); // who is dialled at once may not be seen there

        // The first of them leaves within seconds.
        await tool.ReadUntilAsync(line => Change(line) == "removed" && Pool(line) == "hub");
        tool.AskToEnd();
        await tool.ReadUntilAsync(_ => false);
        (int code, string error) = await tool.EndAsync();
        Assert.Equal(0, code);
        Assert.StartsWith("ssb-conn start ended after ", error, StringComparison.Ordinal);
        Assert.Matches(@"connections +\d+   with 3 different peers", error);
        Assert.False(File.Exists(Path.Combine(_folder, "socket")));
    }

    // All of them are announced by one sender.
    [Theory]
    [InlineData(1), InlineData(51), InlineData(StartOptions.MostNeighbours)]
    public async Task Start_Neighbours_AllOfThemFindAPlaceOnTheBench(int neighbours)
    {
        await using SsbPeer peer = await SsbPeer.StartAsync(
            Unhurried.Peer with { Listen = [], Conn = Unhurried.Conn with { Autostart = false, Admission = StartRun.AdmissionAmong(neighbours) } }, TestContext.Current.CancellationToken);
        for (int i = 0; i < neighbours; i++)
        {
            using KeyPair keys = KeyPair.Generate();
            for (int route = 0; route < 2; route++) // one that returned at another port is there twice for 10 s
            {
                StageResult result = peer.Conn.TryStage(
                    MultiserverAddress.Parse($"net:127.0.0.1:{20_000 + 2 * i + route}~shs:{keys.Id.ToBase64()}"), new PeerData { Type = "lan" }, "lan:lo/127.0.0.1");
                Assert.Equal(StageOutcome.Inserted, result.Outcome);
            }
        }

        Assert.Equal(2 * neighbours, peer.Conn.Staging.Count);
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("socket"), InlineData("secret"), InlineData("conn.json"), InlineData("conn.lock"), InlineData("conn-rules.json"), InlineData("manifest.json")]
    public async Task Start_PipeInPlaceOfAFile_EndsWithASentence(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes in folders.");
        using (var pipe = System.Diagnostics.Process.Start("mkfifo", [Path.Combine(_folder, name)]))
            await pipe.WaitForExitAsync(TestContext.Current.CancellationToken);
        using Tool tool = Tool.Start($"start --path {_folder} --no-lan --host 127.0.0.1 --port 0 --no-dial", TestContext.Current.CancellationToken);
        (int code, string error) = await tool.EndAsync();
        Assert.Equal(1, code);
        Assert.Contains($"{Path.Combine(_folder, name)}' is a named pipe", error, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_FolderOfItsOwn_IsMadeKeptAndSteeredByOtherCommands()
    {
        string folder = Path.Combine(_folder, "new", "peer");
        string start = $"start --path {folder} --no-lan --host 127.0.0.1 --port 0 --ws-port 0 --no-dial";
        string id;
        const string Friend = "net:127.0.0.1:9~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
        using (Tool tool = Tool.Start(start, TestContext.Current.CancellationToken))
        {
            JsonElement started = Assert.Single(await tool.ReadUntilAsync(_ => true));
            id = started.GetProperty("id").GetString()!;
            bool hasSocket = Socket.OSSupportsUnixDomainSockets;
            string[] transports = hasSocket ? ["unix", "net", "ws"] : ["net", "ws"];
            Assert.Equal(transports, started.GetProperty("addresses").EnumerateArray().Select(address => address.GetString()!.Split(':')[0]));
            string[] files = hasSocket ? ["conn.lock", "manifest.json", "secret", "socket"] : ["conn-address", "conn.lock", "manifest.json", "secret"];
            Assert.Equal(files, Directory.GetFiles(folder).Select(Path.GetFileName).Where(name => name != "conn.json").Order(StringComparer.Ordinal));
            if (!OperatingSystem.IsWindows())
            {
                const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
                foreach (string file in Directory.GetFiles(folder))
                    Assert.Equal(OwnerOnly, File.GetUnixFileMode(file));
                foreach (string made in (string[])[folder, Path.GetDirectoryName(folder)!]) // it has a parent
                    Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(made));
            }

            JsonElement manifest = JsonElement.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "manifest.json"), TestContext.Current.CancellationToken));
            Assert.Equal("source", manifest.GetProperty("conn").GetProperty("stagedPeers").GetString());

            (int code, _, string error) = await Cli.RunAsync("remember", Friend, "--path", folder);
            Assert.Equal((0, ""), (code, error));
            (code, _, error) = await Cli.RunAsync("stage", Friend, "--path", folder);
            Assert.Equal((0, ""), (code, error));
            (_, string staged, _) = await Cli.RunAsync("staged", "--json", "--path", folder);
            Assert.Contains(Friend, staged, StringComparison.Ordinal);
            (code, _, error) = await Cli.RunAsync("start", "--path", folder, "--no-lan", "--host", "127.0.0.1", "--port", "0");
            Assert.Equal(1, code);
            Assert.Contains("a peer runs in", error, StringComparison.Ordinal);
            tool.AskToEnd();
            await tool.ReadUntilAsync(_ => false);
            Assert.Equal(0, (await tool.EndAsync()).Code);
        }

        using (Tool again = Tool.Start(start + " --quiet", TestContext.Current.CancellationToken))
        {
            (_, string known, _) = (0, "", "");
            while (known.Length == 0) // it has yet to start; the time limit of the test ends this
            {
                (_, known, _) = await Cli.RunAsync("db", "--json", "--path", folder);
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, TestContext.Current.CancellationToken);
            }

            Assert.Contains(Friend, known, StringComparison.Ordinal);
            using KeyPair keys = SecretFile.Load(Path.Combine(folder, "secret"));
            Assert.Equal(id, keys.Id.ToString());
            again.AskToEnd();
            Assert.Equal((0, ""), await again.EndAsync());
        }
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("INT"), InlineData("TERM"), InlineData("HUP"), InlineData("QUIT")]
    public async Task Start_Signal_WritesWhatItLearnt(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no signals to another process.");
        const string Friend = "net:127.0.0.1:9~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
        using Tool tool = Tool.Start($"start --path {_folder} --no-lan --host 127.0.0.1 --port 0 --no-dial", TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(_ => true);
        (int code, _, string error) = await Cli.RunAsync("remember", Friend, "--path", _folder);
        Assert.Equal((0, ""), (code, error));
        tool.Signal(signal);
        await tool.ReadUntilAsync(_ => false);
        (code, error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.StartsWith("ssb-conn start ended after ", error, StringComparison.Ordinal);
        Assert.Contains(Friend, await File.ReadAllTextAsync(Path.Combine(_folder, "conn.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "socket")));
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("http://localhost:3000", "101"), InlineData("http://localhost:3001", "403")]
    public async Task Start_OriginOfAPage_MayCallByWebSocket(string page, string answer)
    {
        string start = $"start --path {_folder} --no-lan --host 127.0.0.1 --port 0 --ws-port 0 --no-dial --origin http://localhost:3000";
        using Tool tool = Tool.Start(start, TestContext.Current.CancellationToken);
        JsonElement started = Assert.Single(await tool.ReadUntilAsync(_ => true));
        string ws = started.GetProperty("addresses").EnumerateArray().Select(address => address.GetString()!).Single(address => address.StartsWith("ws:", StringComparison.Ordinal));
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", MultiserverAddress.Parse(ws).Routes[0].Port!.Value, TestContext.Current.CancellationToken); // ws has one
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: {page}\r\n\r\n"), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);

        Assert.Equal(answer, (await reader.ReadLineAsync(TestContext.Current.CancellationToken))!.Split(' ')[1]); // it answers
        tool.AskToEnd();
        Assert.Equal(0, (await tool.EndAsync()).Code);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_InATerminal_ShowsItselfAndTakesKeys()
    {
        using TerminalPane pane = await TerminalPane.OpenAsync(100, 30, TestContext.Current.CancellationToken);
        string modes = await pane.ModesAsync();
        await pane.TypeAsync($"{Tool.InShell} start --neighbours 2 --seed 1 --port 0 --path {_folder}; echo gave $?", "Enter");
        string[] screen = await pane.UntilAsync(rows => Has(rows, "  Hub 2"));
        Assert.StartsWith(" ssb-conn start   @", screen[0], StringComparison.Ordinal);
        Assert.Contains(" at net:127.0.0.1:", screen[0], StringComparison.Ordinal);

        await pane.TypeAsync("Tab");
        await pane.UntilAsync(rows => rows.Any(row => row.StartsWith("> Hub", StringComparison.Ordinal)));
        await pane.TypeAsync("d");
        await pane.UntilAsync(rows => rows.Any(row => row.StartsWith(" dismiss @", StringComparison.Ordinal) && row.Contains(": done", StringComparison.Ordinal)));
        await pane.TypeAsync("q");
        await pane.UntilAsync(rows => Has(rows, "gave 0") && rows.Any(row => row.StartsWith("ssb-conn start ended after", StringComparison.Ordinal)));
        Assert.Equal(modes, await pane.ModesAsync());
    }

    // Its output fills the pipe, which nobody empties.
    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_ReaderThatStalls_DoesNotKeepASignalFromEndingIt()
    {
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(_folder).FullName, "conn.json"), BookOf(1_000), TestContext.Current.CancellationToken);
        using Tool tool = Tool.Start($"start --json --no-lan --no-dial --host 127.0.0.1 --port 0 --path {_folder}", TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(line => Change(line) == "started");
        await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, TestContext.Current.CancellationToken); // by now it waits for a reader
        tool.AskToEnd();
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.StartsWith("ssb-conn start ended after ", error, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_AddressBookOfThousands_IsShown()
    {
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(_folder).FullName, "conn.json"), BookOf(4_000), TestContext.Current.CancellationToken);
        using Tool tool = Tool.Start($"start --json --no-lan --no-dial --host 127.0.0.1 --port 0 --path {_folder}", TestContext.Current.CancellationToken);
        List<JsonElement> lines = await tool.ReadUntilAsync(line => Change(line) == "snapshot" && Pool(line) == "db");

        Assert.Equal(4_000, lines[^1].GetProperty("entries").GetArrayLength());
    }

    [Theory]
    [InlineData("--port x", "'x'", "--port 8008")]
    [InlineData("--ws-port 65536", "'65,536'|'65536'", "--ws-port 8989")]
    [InlineData("--origin http://localhost:3000", "without --ws-port", "--ws-port 8989")]
    [InlineData("--ws-port 0 --origin localhost", "--origin", "http://localhost:3000")]
    [InlineData("--ws-port 0 --origin http://localhost/page", "--origin", "http://localhost:3000")]
    [InlineData("--callers 0", "'0'", "from 1 to 100,000")]
    [InlineData("--callers 50 --callers-per-source 51", "'51'", "from 1 to 50")]
    [InlineData("--host pub.example", "IP address", "127.0.0.1")]
    [InlineData("--master somebody", "'somebody'", "@KEY.ed25519")]
    [InlineData("--neighbours 201", "'201'", "from 1 to 200")]
    [InlineData("--neighbours 5 --no-lan", "--no-lan", "leave out")]
    [InlineData("--neighbours 5 --host 127.0.0.1", "--host", "leave out")]
    [InlineData("--neighbours 5 --network-key k", "--network-key", "leave out")]
    [InlineData("--no-lan --interface lo", "--interface", "leave out")]
    [InlineData("--json --quiet", "--quiet", "leave out")]
    [InlineData("--show-secrets --quiet", "--quiet", "leave out")]
    [InlineData("--seed 1", "--seed without --neighbours", "--neighbours 5 --seed 1")]
    public async Task Start_Mistakes_AreExplained(string options, string what, string right)
    {
        (int code, string output, string error) = await Cli.RunAsync(["start", .. options.Split(' ')]);

        Assert.Equal((2, ""), (code, output));
        Assert.Contains(what.Split('|'), part => error.Contains(part, StringComparison.Ordinal));
        Assert.Contains(right, error, StringComparison.Ordinal);
    }

    // In this process, at a port of the test's own in the place of 8008.
    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("ourselves"), InlineData("peer"), InlineData("network"), InlineData("program"), InlineData("silent"), InlineData("nobody"), InlineData("config"), InlineData("--port")]
    public async Task Start_UsualPortIsTaken_SaysByWhom_AndDoesNotRunBesideItself(string holder)
    {
        await using var peer = new PeerStandIn(network: holder == "network" ? NetworkKey.Generate() : null);
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        if (holder == "program")
            _ = HangUpAsync(other);
        int port = holder switch
        {
            "program" or "silent" => ((System.Net.IPEndPoint)other.LocalEndpoint).Port,
            "nobody" or "config" => ClosedPort(),
            _ => peer.Port,
        };
        bool isOurs = holder is "ourselves" or "config" or "--port";
        if (isOurs)
            File.Copy(Path.Combine(peer.Folder, "secret"), Path.Combine(Directory.CreateDirectory(_folder).FullName, "secret"));
        if (holder == "config")
            await File.WriteAllTextAsync(Path.Combine(_folder, "config"), "{\"connections\":{\"incoming\":{\"net\":[{\"port\":" + peer.Port + "}]}}} // of a JavaScript peer", TestContext.Current.CancellationToken);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var options = new StartOptions
        {
            Folder = _folder,
            HasLan = false,
            Dials = false,
            Host = System.Net.IPAddress.Loopback,
            UsualPort = port,
            Duration = TimeSpan.FromMilliseconds(1),
            Quiet = true,
            Port = holder == "--port" ? 0 : null,
        };

        if (holder is "ourselves" or "config")
        {
            FailedException e = await Assert.ThrowsAsync<FailedException>(() => StartRun.RunAsync(options, new CliConsole(output, error), TimeProvider.System));
            Assert.StartsWith($"a peer with the identity in {Path.GetFullPath(_folder)} runs already: {peer.Keys.Id} answers at 127.0.0.1:{peer.Port}; ", e.Message, StringComparison.Ordinal);
            Assert.Contains("--port N", e.Message, StringComparison.Ordinal);
            Assert.False(File.Exists(Path.Combine(_folder, "conn.lock"))); // nothing has begun
            return;
        }

        Assert.Equal(0, await StartRun.RunAsync(options, new CliConsole(output, error), TimeProvider.System));
        // Where a system has no unix sockets, that is said first.
        string said = string.Join('\n', error.ToString().ReplaceLineEndings("\n").Split('\n').Where(line => !line.StartsWith("ssb-conn: There can be no socket", StringComparison.Ordinal)));
        if (holder is "nobody" or "--port")
            Assert.Equal("", said);
        else
            Assert.StartsWith(
                $"ssb-conn: TCP port {port} is held by {(holder == "peer" ? "another SSB peer of this network" : "another program")}, so this peer listens at port ",
                said, StringComparison.Ordinal);
        Assert.DoesNotContain($"at port {port}, which", said, StringComparison.Ordinal);

        static int ClosedPort()
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
            return ((System.Net.IPEndPoint)socket.LocalEndPoint!).Port; // bound
        }

        static async Task HangUpAsync(TcpListener listener)
        {
            try
            {
                while (true)
                    (await listener.AcceptSocketAsync(TestContext.Current.CancellationToken)).Dispose();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The test is over.
            }
        }
    }

    [Theory]
    [InlineData("""{"port":8009}""", "8009"), InlineData("""{"connections":{"incoming":{"net":[{"port":1,"host":"::"},{"port":2}],"ws":[{"port":3}]}},"port":4}""", "4,1,2")]
    [InlineData("[]", ""), InlineData("null", ""), InlineData("port=8009", ""), InlineData("""{"port":"x"}""", ""), InlineData("""{"port":99999}""", ""), InlineData("""{"connections":[]}""", "")]
    [InlineData("""{"connections":{"incoming":{"net":[1,null]}}}""", ""), InlineData(null, ""), InlineData("""{"host":"127.0.0.2","port":9}""", "127.0.0.2:9"), InlineData("""{"host":"a.example","port":9}""", "9")]
    public async Task InConfig_EachForm_IsReadOrLeftOut(string? text, string ports)
    {
        if (text is not null)
            await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(_folder).FullName, "config"), text, TestContext.Current.CancellationToken);
        Assert.Equal(ports, string.Join(',', PortHolders.InConfig(_folder).Select(place => place.Address.Equals(IPAddress.Loopback) ? $"{place.Port}" : $"{place}")));
    }

    [Fact]
    public async Task Start_FolderInAFile_CannotRun()
    {
        string file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        (int code, string output, string error) = await Cli.RunAsync("start", "--path", Path.Combine(file, "x"), "--no-lan", "--host", "127.0.0.1", "--port", "0");

        Assert.Equal((1, ""), (code, output));
        Assert.Contains("cannot run", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Nothing_IsAPeerOfOurOwnInItsOwnFolder()
    {
        StartOptions options = StartCommand.Read(new StartCommand(TimeProvider.System).Parse([]), () => []);

        Assert.Equal(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".ssb-conn"), options.Folder);
        Assert.Equal((false, true, true, null, null), (options.IsScratch, options.HasLan, options.Dials, options.Port, options.Host));
        Assert.Equal(NetworkKey.Main, options.NetworkKey);
    }

    [Fact]
    public void Read_Neighbours_LiveInANetworkOfTheirOwnOnThisComputer()
    {
        StartOptions options = StartCommand.Read(new StartCommand(TimeProvider.System).Parse(["--neighbours", "5"]), () => []);

        Assert.Equal(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".ssb-conn", "neighbours"), options.Folder);
        Assert.Equal((true, System.Net.IPAddress.Loopback), (options.IsScratch, options.Host));
        Assert.NotEqual(NetworkKey.Main, options.NetworkKey);
    }

    internal static string BookOf(int peers)
    {
        string note = new('x', 200);
        return "{" + string.Join(',', Enumerable.Range(0, peers).Select(i =>
        {
            string key = Convert.ToBase64String(BitConverter.GetBytes(i).Concat(new byte[28]).ToArray());
            return $$"""  "net:10.0.{{i / 250}}.{{i % 250}}:8008~shs:{{key}}":{"key":"@{{key}}.ed25519","type":"pub","autoconnect":true,"note":"{{note}}"}""";
        })) + "}";
    }

    private static string? Change(JsonElement line) => line.GetProperty("change").GetString();

    private static string? Pool(JsonElement line) => line.TryGetProperty("pool", out JsonElement pool) ? pool.GetString() : null;

    private static bool Has(string[] rows, string start) => rows.Any(row => row.StartsWith(start, StringComparison.Ordinal));
}
