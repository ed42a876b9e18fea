using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Ssb.Conn.Staging.Tests;

/// <summary>Peers, keys and clocks that the tests share: the same number gives the same peer.</summary>
internal static class Given
{
    /// <summary>When every virtual clock starts.</summary>
    public static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000);

    public static FakeTimeProvider Clock() => new(Start);

    public static byte[] KeyBytes(int n) => SHA256.HashData(Encoding.UTF8.GetBytes($"key {n}"));

    /// <summary>The key as `shs` parts have it.</summary>
    public static string Base64(int n) => Convert.ToBase64String(KeyBytes(n));

    public static FeedId Id(int n) => new(KeyBytes(n));

    /// <summary>The text of the feed id.</summary>
    public static string FeedId(int n) => $"@{Base64(n)}.ed25519";

    /// <summary>An address that names a key.</summary>
    public static string Address(int n) => $"net:10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}:8008~shs:{Base64(n)}";

    /// <summary>An address that names no key.</summary>
    public static string Anonymous(int n) => $"net:host{n}:8008";

    public static PeerData OfType(string type) => new() { Type = type };

    public static IEnumerable<string> Texts(this IEnumerable<StagedPeer> peers) => peers.Select(p => p.Address.Text);
}
