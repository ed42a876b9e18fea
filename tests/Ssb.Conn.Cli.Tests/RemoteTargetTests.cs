using Ssb.Conn.Cli.Remote;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

public sealed class RemoteTargetTests : IDisposable
{
    private readonly string _folder = SocketFolder.Create("ssb-conn-test");

    public void Dispose() => TestFolder.Delete(_folder);

    // Without unix sockets a peer has another port each time it starts. Once 'watch' looked for it at the old one for ever.
    [Fact]
    public void Routes_PeerStartsAgainElsewhere_AreReadAnew()
    {
        using KeyPair keys = SecretFile.Create(Path.Combine(_folder, "secret"));
        using var target = RemoteTarget.In(_folder, secret: null, NetworkKey.Main, TimeSpan.FromSeconds(1));
        Assert.Equal("8008", PortsOf(target));

        foreach (int port in (int[])[2_001, 2_002])
        {
            SsbFolder.LeaveAddress(_folder, MultiserverAddress.Parse($"net:127.0.0.1:{port}~shs:{keys.Id.ToBase64()}"));
            Assert.Equal($"{port} 8008", PortsOf(target));
        }

        SsbFolder.LeaveAddress(_folder, address: null);
        Assert.Equal("8008", PortsOf(target));
    }

    [Fact]
    public void Routes_SocketAppears_IsTriedFirst()
    {
        Needs.UnixSockets();
        using KeyPair keys = SecretFile.Create(Path.Combine(_folder, "secret"));
        using var target = RemoteTarget.In(_folder, secret: null, NetworkKey.Main, TimeSpan.FromSeconds(1));
        File.WriteAllText(Path.Combine(_folder, "socket"), "");

        Assert.Equal("unix", target.Routes[0].Transport);
        Assert.Equal(2, target.Routes.Count);
    }

    private static string PortsOf(RemoteTarget target) => string.Join(' ', target.Routes.Select(route => route.Port));
}
