using System.Net;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;

namespace Interop.Tests.Samples;

public class HostedPeerTests
{
    [Fact]
    public async Task HostedPeer_FromTheCommandLine_RunsAndEndsWhenItIsAskedTo()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("There is no SIGTERM on Windows.");
        using var folder = new TemporaryFolder();
        int port = FreePorts.Tcp();
        await using Sample sample = Sample.Start("HostedPeer", folder.Path, "--contentRoot", AppContext.BaseDirectory,
            "--Ssb:Folder", folder.Path, "--Ssb:Listen:0", $"net:{IPAddress.Loopback}:{port}~shs", "--Ssb:Lan", "false");
        string id = (await sample.FindAsync(line => line.EndsWith(" is Healthy", StringComparison.Ordinal))).Split(' ')[0];

        await using SsbPeer caller = await SsbPeer.StartAsync(Unhurried.Peer with { Conn = Unhurried.Conn with { Autostart = false } }, TestContext.Current.CancellationToken);
        await caller.Conn.ConnectAsync($"net:127.0.0.1:{port}~shs:{id[1..^".ed25519".Length]}", cancellationToken: TestContext.Current.CancellationToken);
        await sample.FindAsync(line => line.StartsWith("1 in connection: net:127.0.0.1:", StringComparison.Ordinal));
        await sample.FindAsync(line => line.Contains("Connected with net:127.0.0.1:", StringComparison.Ordinal) && line.EndsWith(": called us.", StringComparison.Ordinal));

        Signals.Send(sample.Id, Signals.Terminate);
        await sample.FindAsync(line => line.EndsWith($"The SSB peer {id} has stopped.", StringComparison.Ordinal));
        Assert.Equal(0, await sample.EndAsync());
    }
}
