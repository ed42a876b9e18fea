using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The real process in folders of any name, on systems without unix sockets, a home folder or a native library, and on disks
/// that refuse.</summary>
public sealed class SurroundingsTests : IDisposable
{
    private const string Friend = "net:127.0.0.1:9~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";
    private const string FriendId = "@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519";

    private readonly string _folder = SocketFolder.Create("ssb-conn-");

    public void Dispose() => TestFolder.Delete(_folder);

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("First Last/größe~1"), InlineData("a!b;c~"), InlineData("日本")]
    public async Task Start_FolderOfAnyName_IsSteered(string name)
    {
        string folder = Path.Combine(_folder, name.Replace('/', Path.DirectorySeparatorChar));
        using Tool tool = Tool.StartWith([], StartIn(folder), TestContext.Current.CancellationToken);
        JsonElement started = Assert.Single(await tool.ReadUntilAsync(_ => true));
        Assert.Equal(folder, started.GetProperty("path").GetString());
        await IsSteeredAsync(folder);
        (int code, _, string error) = await Cli.RunAsync("start", "--path", folder);
        Assert.Equal(1, code);
        Assert.Contains(name == "日本" ? $"--path {folder}'" : $"--path \"{folder}\"'", error, StringComparison.Ordinal); // as a shell takes it
        await EndAsync(tool);
        Assert.False(File.Exists(Path.Combine(folder, "socket")));
        Assert.False(File.Exists(Path.Combine(folder, "conn-address")));
    }

    // The switch is that of a test; older Windows has none by itself.
    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("127.0.0.1", "127.0.0.1"), InlineData("::1", "::1"), InlineData("127.0.0.2", "127.0.0.2")]
    public async Task Start_NoUnixSockets_IsSteeredOnLoopback(string host, string at)
    {
        Assert.SkipWhen(host == "127.0.0.2" && OperatingSystem.IsMacOS(), "macOS has one address on loopback.");
        using Tool tool = Tool.StartWith([], StartIn(_folder, host), TestContext.Current.CancellationToken, runtimeConfig: await WithoutSocketsAsync());
        JsonElement started = Assert.Single(await tool.ReadUntilAsync(_ => true));
        string address = Assert.Single(started.GetProperty("addresses").EnumerateArray()).GetString()!; // a text
        Assert.Equal(at, MultiserverAddress.Parse(address).Routes[0].Host);
        string left = Path.Combine(_folder, "conn-address");
        Assert.Equal(address, (await File.ReadAllTextAsync(left, TestContext.Current.CancellationToken)).TrimEnd());
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(left));
        await IsSteeredAsync(_folder);
        (int code, _, string error) = await Cli.RunAsync("start", "--path", _folder);
        Assert.Equal(1, code);
        Assert.Contains("a peer runs in", error, StringComparison.Ordinal);
        Assert.True(await Remote.SsbFolder.IsAliveAsync(_folder, Wire.NetworkKey.Main));

        string said = await EndAsync(tool);
        Assert.Single(said.Split('\n'), line => line.StartsWith("ssb-conn: ", StringComparison.Ordinal));
        Assert.Contains("this system has no unix sockets", said, StringComparison.Ordinal);
        Assert.Contains(address, said, StringComparison.Ordinal);
        Assert.False(File.Exists(left));
        Assert.False(await Remote.SsbFolder.IsAliveAsync(_folder, Wire.NetworkKey.Main));
    }

    // Another program has the port by now that a killed peer had. It takes callers, and says nothing or something else than a peer.
    [Theory(Timeout = Patience.WholeTest)]
    [InlineData(true), InlineData(false)]
    public async Task Start_AddressIsOfAnotherProgramByNow_Runs(bool isSilent)
    {
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        using Wire.KeyPair keys = Wire.SecretFile.Create(Path.Combine(_folder, "secret"));
        int port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port; // TCP
        Remote.SsbFolder.LeaveAddress(_folder, MultiserverAddress.Parse($"net:127.0.0.1:{port}~shs:{keys.Id.ToBase64()}"));
        if (!isSilent)
            _ = HangUpAsync(other);
        Assert.False(await Remote.SsbFolder.IsAliveAsync(_folder, Wire.NetworkKey.Main));
        using Tool tool = Tool.StartWith([], StartIn(_folder), TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(_ => true);
        await IsSteeredAsync(_folder);
        Assert.Equal("", await EndAsync(tool));
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_FolderIsTooLongForASocket_IsSteeredOnLoopback()
    {
        Assert.SkipUnless(System.Net.Sockets.Socket.OSSupportsUnixDomainSockets, "This system has no unix sockets, of which this is about the longest.");
        string folder = Path.Combine(_folder, new string('x', 110));
        using Tool tool = Tool.StartWith([], StartIn(folder), TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(_ => true);
        await IsSteeredAsync(folder);
        Assert.Contains("Use a folder with a shorter path.", await EndAsync(tool), StringComparison.Ordinal);
    }

    // What a peer that was killed has left names a port that has another owner now, or none.
    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("net:127.0.0.1:1~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=")]
    [InlineData("net:192.0.2.1:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=")]
    [InlineData("garbage \0"), InlineData("")]
    public async Task Start_AddressOfADeadPeer_DoesNotMatter(string left)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "conn-address"), left, TestContext.Current.CancellationToken);
        using Tool tool = Tool.StartWith([], StartIn(_folder), TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(_ => true);
        await IsSteeredAsync(_folder);
        Assert.Equal(!System.Net.Sockets.Socket.OSSupportsUnixDomainSockets, File.Exists(Path.Combine(_folder, "conn-address")));
        await EndAsync(tool);
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("/nonexistent", "/nonexistent"), InlineData("relative", "relative"), InlineData("", "HOME")]
    public async Task Start_NoHome_NamesPath_AndMakesNothing(string home, string said)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "On Windows no variable says where the home folder is.");
        Assert.SkipWhen(home.Length == 0 && !Environment.IsPrivilegedProcess, "Only root can be a user whom nobody knows.");
        // A number that no user of the system has: without HOME nobody says where its home is.
        string[] starter = home.Length == 0 ? ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"] : [];
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "cwd")).FullName;
        if (home.Length == 0)
            Process.Start("chmod", ["0777", _folder, folder]).WaitForExit();
        foreach (string command in (string[])["start", "peers"])
        {
            using Tool tool = Tool.StartWith(starter, [command], TestContext.Current.CancellationToken, start =>
            {
                start.WorkingDirectory = folder;
                start.Environment.Remove("HOME");
                start.Environment.Remove("ssb_path");
                start.Environment["DOTNET_BUNDLE_EXTRACT_BASE_DIR"] = "/tmp";
                if (home.Length > 0)
                    start.Environment["HOME"] = home;
            });
            (int code, string error) = await tool.EndAsync();
            if (home.Length == 0)
                Assert.SkipWhen(error.Contains("setpriv", StringComparison.Ordinal) || code is not (0 or 1 or 2), $"Another user cannot run the tool here: {error}");
            Assert.Equal(1, code);
            Assert.Contains("there is no home folder", error, StringComparison.Ordinal);
            Assert.Contains(said, error, StringComparison.Ordinal);
            Assert.Contains("--path DIR", error, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFileSystemEntries(folder));
        }
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("mount --bind {0} {0} && mount -o remount,bind,ro {0}", "is on a file system that is read-only")]
    [InlineData("mount -t tmpfs -o size=4k,nr_inodes=3 none {0} && head -c 4096 /dev/zero > {0}/filler", "no space is left on the disk")]
    public async Task Start_DiskRefuses_NamesTheFolderAndWhy(string script, string said)
    {
        string[] starter = await Mounts.StarterAsync(string.Format(null, script, _folder));
        using Tool tool = Tool.StartWith(starter, StartIn(_folder), TestContext.Current.CancellationToken);
        (int code, string error) = await tool.EndAsync();
        Assert.Equal(1, code);
        Assert.StartsWith("ssb-conn: the peer cannot run: ", error, StringComparison.Ordinal);
        Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.Contains($"'{_folder}'", error, StringComparison.Ordinal);
        Assert.Contains("--path DIR", error, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_FolderIsAFile_NamesIt()
    {
        string file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        foreach (string path in (string[])[file, Path.Combine(file, "below")])
        {
            (int code, _, string error) = await Cli.RunAsync("start", "--path", path);
            Assert.Equal(1, code);
            Assert.Contains($"'{file}' is a file, where a folder is expected", error, StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_FolderOfAnotherUser_NamesItsOwner()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Only root makes folders of other users.");
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "of-root")).FullName;
        string closed = Directory.CreateDirectory(Path.Combine(_folder, "closed")).FullName;
        Process.Start("chmod", ["0755", _folder, folder]).WaitForExit();
        Process.Start("chmod", ["0700", closed]).WaitForExit();
        (string, string)[] paths = [(folder, folder), (Path.Combine(folder, "below"), folder), (Path.Combine(closed, "below"), closed)];
        foreach ((string path, string named) in paths)
        {
            using Tool tool = Tool.StartWith(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"], StartIn(path), TestContext.Current.CancellationToken);
            (int code, string error) = await tool.EndAsync();
            Assert.SkipWhen(error.Contains("setpriv", StringComparison.Ordinal) || code is not (0 or 1), $"Another user cannot run the tool here: {error}");
            Assert.Equal(1, code);
            Assert.Contains($"'{named}' may not be written to by this user: it belongs to the user with the number 0", error, StringComparison.Ordinal);
            Assert.Contains("--path DIR", error, StringComparison.Ordinal);
        }
    }

    // As a container has single files of its host.
    [Fact(Timeout = Patience.WholeTest)]
    public async Task Start_FilesAreMounts_KeepsWhatItLearns()
    {
        string[] names = ["conn.json", "conn-rules.json", "manifest.json"];
        foreach (string name in names)
            await File.WriteAllTextAsync(Path.Combine(_folder, name), name == "conn-rules.json" ? """{"version":1,"rules":[]}""" : "", TestContext.Current.CancellationToken);
        string[] starter = await Mounts.StarterAsync(string.Join(" && ", names.Select(name => $"mount --bind '{_folder}/{name}' '{_folder}/{name}'")));
        using (Tool tool = Tool.StartWith(starter, StartIn(_folder), TestContext.Current.CancellationToken))
        {
            await tool.ReadUntilAsync(_ => true);
            await IsSteeredAsync(_folder);
            Assert.Equal("", await EndAsync(tool));
        }

        Assert.Contains(Friend, await File.ReadAllTextAsync(Path.Combine(_folder, "conn.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains(FriendId, await File.ReadAllTextAsync(Path.Combine(_folder, "conn-rules.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("stagedPeers", await File.ReadAllTextAsync(Path.Combine(_folder, "manifest.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder, "*~copy"));
        Assert.Empty(Directory.GetFiles(_folder, "*~"));
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Ping_NoLibsodium_SaysWhatToInstall()
    {
        string[] libraries = Directory.GetFiles(AppContext.BaseDirectory, "libsodium*", SearchOption.AllDirectories);
        string[] starter = await Mounts.StarterAsync(string.Join(" && ", libraries.Select(library => $"mount --bind /dev/null '{library}'")));
        foreach (string[] command in (string[][])[["ping", Friend], StartIn(_folder)])
        {
            using Tool tool = Tool.StartWith(starter, command, TestContext.Current.CancellationToken);
            (int code, string error) = await tool.EndAsync();
            Assert.Equal(1, code);
            Assert.StartsWith("ssb-conn: libsodium.so cannot be loaded. ", error, StringComparison.Ordinal);
            Assert.Single(error.TrimEnd().Split('\n'));
        }
    }

    // Without the look beforehand .NET ends the process: "No usable version of libssl was found", and SIGABRT.
    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("ws"), InlineData("wss")]
    public async Task Ping_NoOpenSsl_SaysWhatToInstall(string transport)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere .NET uses the cryptography of the system.");
        var everywhere = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        string[] libraries = [.. ((string[])["/usr/lib", "/lib", "/usr/local/lib"]).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "libssl*.so*", everywhere))];
        Assert.SkipWhen(libraries.Length == 0, "This system has no OpenSSL, so that nothing needs to be hidden.");
        string[] starter = await Mounts.StarterAsync(string.Join(" && ", libraries.Select(library => $"mount --bind /dev/null '{library}'")));
        string key = Friend[Friend.IndexOf('~', StringComparison.Ordinal)..];
        using Tool tool = Tool.StartWith(starter, ["ping", $"{transport}://127.0.0.1:9{key}", "--json"], TestContext.Current.CancellationToken);
        JsonElement said = Assert.Single(await tool.ReadUntilAsync(_ => true));
        (int code, string error) = await tool.EndAsync();
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("need OpenSSL", said.GetProperty("steps").EnumerateArray().Last().GetProperty("detail").GetString(), StringComparison.Ordinal);

        string[] start = [.. StartIn(_folder), "--ws-port", "0"];
        using Tool peer = Tool.StartWith(starter, start, TestContext.Current.CancellationToken);
        (code, error) = await peer.EndAsync();
        Assert.Equal(1, code);
        Assert.Contains("need OpenSSL", error, StringComparison.Ordinal);
    }

    private static async Task HangUpAsync(System.Net.Sockets.TcpListener listener)
    {
        while (true)
        {
            using System.Net.Sockets.Socket caller = await listener.AcceptSocketAsync(); // until the test disposes of the listener
        }
    }

    private static string[] StartIn(string folder, string host = "127.0.0.1") =>
        ["start", "--path", folder, "--no-lan", "--host", host, "--port", "0", "--no-dial", "--json"];

    // The commands that read, that tell, and that ask; and one that stays.
    private static async Task IsSteeredAsync(string folder)
    {
        Assert.Equal((0, ""), await RunAsync("stage", Friend));
        Assert.Contains(Friend, (await RunAsync("staged", "--json")).Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), await RunAsync("remember", Friend));
        Assert.Contains(Friend, (await RunAsync("db", "--json")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("peers")).Code);
        Assert.Equal(0, (await RunAsync("dismiss", FriendId)).Code);
        Assert.Contains("dismissed", (await RunAsync("why", FriendId)).Output, StringComparison.Ordinal);
        using Tool watch = Tool.StartWith([], ["watch", "--json", "--path", folder], TestContext.Current.CancellationToken);
        Assert.Contains(await watch.ReadUntilAsync(line => line.GetProperty("change").GetString() == "snapshot"), line => line.GetProperty("change").GetString() == "attached");

        async Task<(int Code, string Output)> RunAsync(params string[] arguments)
        {
            (int code, string output, string error) = await Cli.RunAsync([.. arguments, "--path", folder]);
            Assert.Equal("", error);
            return (code, arguments[0] is "stage" or "remember" ? "" : output);
        }
    }

    private async Task<string> WithoutSocketsAsync()
    {
        JsonNode config = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "ssb-conn.runtimeconfig.json"), TestContext.Current.CancellationToken))!; // an object
        JsonObject runtime = config["runtimeOptions"]!.AsObject();
        if (runtime["configProperties"] is not JsonObject properties)
            runtime["configProperties"] = properties = [];
        properties["Ssb.Conn.Net.NoUnixSockets"] = true; // UnixSockets.OffSwitch
        string path = Path.Combine(_folder, "no-sockets.runtimeconfig.json");
        await File.WriteAllTextAsync(path, config.ToJsonString(), TestContext.Current.CancellationToken);
        return path;
    }

    private static async Task<string> EndAsync(Tool tool)
    {
        tool.AskToEnd();
        await tool.ReadUntilAsync(_ => false);
        (int code, string error) = await tool.EndAsync();
        Assert.Equal(0, code);
        return string.Join('\n', error.Split('\n').TakeWhile(line => !line.StartsWith("ssb-conn start ended", StringComparison.Ordinal)).Where(line => line.Length > 0));
    }
}
