using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Tests;

/// <summary>Peers, keys and clocks that the tests share: the same number gives the same peer.</summary>
internal static class Given
{
    /// <summary>When every virtual clock starts.</summary>
    public static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);

    public static FakeTimeProvider Clock() => new(Start);

    public static byte[] KeyBytes(int n) => SHA256.HashData(Encoding.UTF8.GetBytes($"key {n}"));

    /// <summary>The key as `shs` parts have it.</summary>
    public static string Base64(int n) => Convert.ToBase64String(KeyBytes(n));

    public static FeedId FeedId(int n) => new(KeyBytes(n));

    /// <summary>The peer, as a person names it.</summary>
    public static PeerTarget Peer(int n) => PeerTarget.From(FeedId(n));

    /// <summary>An address that names a key.</summary>
    public static MultiserverAddress Address(int n, string host = "10") =>
        MultiserverAddress.Parse($"net:{host}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}:8008~shs:{Base64(n)}");
}
