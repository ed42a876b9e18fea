using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Transports;

/// <summary>Dialling <c>wss</c>: a peer's WebSocket behind a TLS server with a certificate of its own making, on loopback.</summary>
public sealed class WssTests : IAsyncDisposable
{
    private static readonly TimeSpan s_guard = Patience.Guard;

    private readonly KeyPair _alice = KeyPair.Generate(), _bob = KeyPair.Generate();
    private readonly List<PeerNetwork> _networks = [];
    private readonly CancellationTokenSource _over = new();
    private readonly TcpListener _tls = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _certificate = SelfMade();
    private readonly List<Task> _running = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connect_CertificateIsTrusted_Talks()
    {
        MultiserverAddress address = Serve();
        RemoteCertificateValidationCallback trusting = (_, certificate, _, _) => certificate!.GetCertHashString() == _certificate.GetCertHashString();
        PeerConnection connection = await Open(Unhurried.Network(_alice) with { Certificates = trusting }).ConnectAsync(address, Token).WaitAsync(s_guard, Token);
        Assert.Equal(_bob.Id, connection.FeedId);
        Assert.NotEqual(default, (await connection.Rpc.CallAsync("manifest", cancellationToken: Token).WaitAsync(s_guard, Token)).AsJson().ValueKind);
    }

    [Fact]
    public async Task Connect_CertificateIsNotTrusted_FailsInPlainWords()
    {
        MultiserverAddress address = Serve();
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() =>
            Open(Unhurried.Network(_alice)).ConnectAsync(address, Token).WaitAsync(s_guard, Token));
        Assert.Contains("could not be reached: its certificate is not trusted here.", e.Message, StringComparison.Ordinal);
        Assert.Empty(_networks[0].Connections);
    }

    [Fact]
    public async Task Connect_NoTlsThere_Fails()
    {
        // It waits for the rest of a request, in vain.
        var limits = Unhurried.Limits with { HandshakeDeadline = TimeSpan.FromMilliseconds(200) };
        PeerNetwork bob = Open(Unhurried.Network(_bob) with { Listen = ["ws:127.0.0.1:0~shs"], Limits = limits });
        _running.Add(AcceptAsync(bob));
        MultiserverRoute route = bob.Addresses[0].Routes[0];
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Open(Unhurried.Network(_alice))
            .ConnectAsync(MultiserverAddress.Parse($"wss://127.0.0.1:{route.Port}~shs:{_bob.Id.ToBase64()}"), Token).WaitAsync(s_guard, Token));
        Assert.DoesNotContain("certificate", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_AnswersWithSomethingElseThanTls_SaysThat()
    {
        using var plain = new TcpListener(IPAddress.Loopback, 0);
        plain.Start();
        _running.Add(Task.Run(async () =>
        {
            using Socket caller = await plain.AcceptSocketAsync(_over.Token);
            await caller.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), _over.Token);
            while (await caller.ReceiveAsync(new byte[1_024], _over.Token) > 0)
            {
            }
        }, Token));
        ConnectFailedException e = await Assert.ThrowsAsync<ConnectFailedException>(() => Open(Unhurried.Network(_alice))
            .ConnectAsync(MultiserverAddress.Parse($"wss://127.0.0.1:{((IPEndPoint)plain.LocalEndpoint).Port}~shs:{_bob.Id.ToBase64()}"), Token).WaitAsync(s_guard, Token));
        Assert.Contains("no TLS could be agreed on with what listens there", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("certificate", e.Message, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _tls.Stop();
        await Disposal.AllAsync(_networks);
        await Task.WhenAll(_running).WaitAsync(s_guard).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _alice.Dispose();
        _bob.Dispose();
        _certificate.Dispose();
        _over.Dispose();
    }

    private static X509Certificate2 SelfMade()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null); // some systems serve no key that was never in a file
    }

    private PeerNetwork Open(PeerNetworkOptions options)
    {
        PeerNetwork network = PeerNetwork.Open(options);
        _networks.Add(network);
        return network;
    }

    // A proxy that ends TLS before a peer's WebSocket, as such peers are run.
    private MultiserverAddress Serve()
    {
        PeerNetwork bob = Open(Unhurried.Network(_bob) with { Listen = ["ws:127.0.0.1:0~shs"] });
        _running.Add(AcceptAsync(bob));
        _tls.Start();
        _running.Add(ForwardAsync(bob.Addresses[0].Routes[0].Port!.Value)); // it has one
        return MultiserverAddress.Parse($"wss://127.0.0.1:{((IPEndPoint)_tls.LocalEndpoint).Port}~shs:{_bob.Id.ToBase64()}");
    }

    private async Task AcceptAsync(PeerNetwork network)
    {
        await foreach (IPeerConnection caller in network.AcceptAsync(_ => true, _over.Token))
            Assert.Equal(_alice.Id, caller.FeedId);
    }

    private async Task ForwardAsync(int port)
    {
        using TcpClient caller = await _tls.AcceptTcpClientAsync(_over.Token);
        await using var tls = new SslStream(caller.GetStream());
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, _over.Token);
        using var peer = new TcpClient();
        await peer.ConnectAsync(IPAddress.Loopback, port, _over.Token);
        await Task.WhenAny(tls.CopyToAsync(peer.GetStream(), _over.Token), peer.GetStream().CopyToAsync(tls, _over.Token));
    }
}
