using Microsoft.Extensions.Time.Testing;

namespace Ssb.Wire.Tests;

/// <summary>A client at one end of a pair of streams, a server at the other, and a clock that stands.</summary>
public abstract class HandshakeScene : IDisposable
{
    internal DuplexPair Pair { get; init; } = new();

    private protected KeyPair Client { get; } = KeyPair.FromSeed(Filled(1));

    private protected KeyPair Server { get; } = KeyPair.FromSeed(Filled(2));

    private protected KeyPair Stranger { get; } = KeyPair.FromSeed(Filled(3));

    private protected NetworkKey Network { get; } = NetworkKey.FromBytes(Filled(4));

    private protected FakeTimeProvider Time { get; } = new();

    private protected HandshakeOptions Options => new() { Network = Network, TimeProvider = Time };

    internal DuplexPair.End ClientEnd => Pair.A;

    internal DuplexPair.End ServerEnd => Pair.B;

    public void Dispose()
    {
        Pair.Dispose();
        Client.Dispose();
        Server.Dispose();
        Stranger.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static byte[] Filled(byte value) => [.. Enumerable.Repeat(value, 32)];

    private protected static ValueTask<bool> Yes(FeedId client, CancellationToken cancellationToken) => new(true);

    private protected static ValueTask<bool> No(FeedId client, CancellationToken cancellationToken) => new(false);

    private protected Task<BoxStream> ConnectAsync(FeedId? server = null, NetworkKey? network = null, CancellationToken cancellationToken = default) =>
        SecretHandshake.ConnectAsync(ClientEnd, Client, server ?? Server.Id, Options with { Network = network ?? Network }, cancellationToken);

    private protected Task<BoxStream> AcceptAsync(
        Func<FeedId, CancellationToken, ValueTask<bool>>? authorize = null, NetworkKey? network = null, CancellationToken cancellationToken = default) =>
        SecretHandshake.AcceptAsync(ServerEnd, Server, authorize ?? Yes, Options with { Network = network ?? Network }, cancellationToken);

    /// <summary>A client that does its steps by hand, and may do them wrong.</summary>
    private protected RawPeer RawClient(NetworkKey? network = null, KeyPair? keys = null) => new(ClientEnd, network ?? Network, keys ?? Client);

    /// <summary>A server of that kind.</summary>
    private protected RawPeer RawServer(NetworkKey? network = null, KeyPair? keys = null) => new(ServerEnd, network ?? Network, keys ?? Server);

    /// <summary>It fails in this way, its stream is closed, and it tells no secret.</summary>
    private protected async Task<HandshakeException> AssertFailsAsync(Task<BoxStream> handshake, HandshakeFailure failure, Stream end)
    {
        HandshakeException error = await Assert.ThrowsAsync<HandshakeException>(() => handshake.Guarded());
        Assert.True(failure == error.Failure, $"{failure} was expected, not {error.Failure}: {error.Message}");
        Assert.True(((DuplexPair.End)end).IsDisposed);
        AssertTellsNoSecret(error.ToString());
        return error;
    }

    private protected void AssertTellsNoSecret(string text)
    {
        foreach (KeyPair keys in (KeyPair[])[Client, Server, Stranger])
            KeyTests.AssertNoSecret(keys, text);
        Assert.DoesNotContain(Network.ToBase64()[..12], text, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexString(Filled(4))[..16], text, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Both streams carry bytes to the other.</summary>
    private protected static async Task AssertTalkAsync(BoxStream one, BoxStream other)
    {
        foreach ((BoxStream from, BoxStream to) in ((BoxStream, BoxStream)[])[(one, other), (other, one)])
        {
            await from.WriteAsync("ping"u8.ToArray()).Guarded();
            byte[] read = new byte[4];
            await to.ReadExactlyAsync(read).Guarded();
            Assert.Equal("ping"u8.ToArray(), read);
        }
    }
}
