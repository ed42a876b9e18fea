using System.Diagnostics;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>What stands in a peer's folder where a file or a socket is to be: each is told, none is waited for, and nothing of it is lost.</summary>
public sealed class PeerFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ssb-conn-").FullName;

    public PeerFolderTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Pipes and devices of the file system are not known on Windows.");

    [Theory]
    [InlineData("pipe", "a named pipe"), InlineData("folder", "a folder"), InlineData("file", "a file"), InlineData("empty", "a file"), InlineData("device", "a symbolic link"), InlineData("dangling", "a symbolic link")]
    public void Open_SomethingElseThanASocket_IsTold_AndStays(string what, string said)
    {
        string path = Make(what, "socket");
        using KeyPair keys = KeyPair.Generate();
        IOException error = Assert.Throws<IOException>(() => PeerNetwork.Open(Unhurried.Network(keys) with { Sockets = [new ListeningSocket(path)] }));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFileSystemEntries(_folder, "socket"));
    }

    [Theory]
    [InlineData("secret", "pipe", "a named pipe"), InlineData("secret", "folder", "a folder"), InlineData("secret", "device", "a device"), InlineData("secret", "dangling", "a link to")]
    [InlineData("conn.json", "pipe", "a named pipe"), InlineData("conn.lock", "pipe", "a named pipe"), InlineData("conn-rules.json", "pipe", "a named pipe")]
    [InlineData("conn-rules.json", "folder", "a folder"), InlineData("conn-rules.json", "dangling", "a link to")]
    public async Task Start_SomethingElseThanAFile_IsTold(string name, string what, string said)
    {
        string path = Make(what, name);
        IOException error = await Assert.ThrowsAsync<IOException>(() => SsbPeer.StartAsync(Unhurried.Peer with { Folder = _folder, Listen = [] }, TestContext.Current.CancellationToken));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFileSystemEntries(_folder, name));
    }

    public void Dispose() => TestFolder.Delete(_folder);

    private string Make(string what, string name)
    {
        string path = Path.Combine(_folder, name);
        switch (what)
        {
            case "pipe":
                using (Process made = Process.Start("mkfifo", [path]))
                    made.WaitForExit();
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "file":
                File.WriteAllText(path, "text");
                break;
            case "empty":
                File.WriteAllText(path, "");
                break;
            case "device":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            default:
                File.CreateSymbolicLink(path, path + "-nowhere");
                break;
        }

        return path;
    }
}
