using System.Net;
using System.Net.Sockets;
using Interop.Tests.Harness;
using Interop.Tests.Peer;

namespace Interop.Tests.Cli;

/// <summary><c>start</c> where a JavaScript peer runs already: one that keeps no socket in its folder.</summary>
public class StartBesideTests
{
    private const int UsualPort = 8008;

    [Fact]
    public async Task Start_InTheFolderOfARunningJavaScriptPeer_IsRefused()
    {
        using TemporaryFolder folder = new();
        await using JavaScriptPeer peer = await JavaScriptPeer.StartAsync(folder.Path);
        // Where it listens stands in its configuration, as of every peer that does not listen at 8008.
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "config"), $"{{\"port\":{peer.Port}}}", TestContext.Current.CancellationToken);
        string before = await File.ReadAllTextAsync(Path.Combine(folder.Path, "secret"), TestContext.Current.CancellationToken);
        (int code, string output) = await StartAsync(folder.Path);

        Assert.True(code == 1, output);
        Assert.Contains($"a peer with the identity in {folder.Path} runs already: {peer.Id} answers at 127.0.0.1:{peer.Port}; end it first", output, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(Path.Combine(folder.Path, "secret"), TestContext.Current.CancellationToken));
        Assert.False(File.Exists(Path.Combine(folder.Path, "conn.lock")));
    }

    [Fact]
    public async Task Start_JavaScriptPeerHasTheUsualPort_SaysSo_AndIsRefusedInItsFolder()
    {
        Assert.SkipUnless(IsFree(), "Somebody on this computer has port 8008.");
        using TemporaryFolder theirs = new(), ours = new();
        await using JavaScriptPeer peer = await JavaScriptPeer.StartAsync(theirs.Path, port: UsualPort);

        (int code, string output) = await StartAsync(theirs.Path);
        Assert.True(code == 1, output);
        Assert.Contains($"{peer.Id} answers at 127.0.0.1:8008", output, StringComparison.Ordinal);

        (code, output) = await StartAsync(ours.Path);
        Assert.True(code == 0, output);
        Assert.Contains("TCP port 8008 is held by another SSB peer of this network, so this peer listens at port ", output, StringComparison.Ordinal);

        (code, output) = await StartAsync(theirs.Path, "--port", "0"); // who says where it is to listen, knows what he does
        Assert.True(code == 0, output);
        Assert.DoesNotContain("TCP port 8008", output, StringComparison.Ordinal);
    }

    private static Task<(int Code, string Output)> StartAsync(string folder, params string[] more) =>
        CliPeer.RunToolAsync(["start", "--path", folder, "--host", "127.0.0.1", "--no-lan", "--no-dial", "--quiet", "--duration", "1s", .. more]);

    private static bool IsFree()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, UsualPort));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
