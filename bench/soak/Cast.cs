using System.Security.Cryptography;
using System.Text;
using Ssb.Wire;

namespace Ssb.Conn.Soak;

/// <summary>Who plays: identities and a network key that parent and child both make of the seed.</summary>
internal sealed class Cast(int seed)
{
    public const int Identities = 150;

    /// <summary>So many of the identities may call everything.</summary>
    public const int Masters = 2;

    public int Seed => seed;

    public NetworkKey Network { get; } = NetworkKey.FromBytes(Bytes(seed, "network"));

    public IReadOnlyList<FeedId> MasterIds { get; } = [.. Enumerable.Range(0, Masters).Select(i => IdOf(seed, i))];

    public KeyPair KeysOf(int identity) => KeyPair.FromSeed(Bytes(seed, $"identity {identity}"));

    public Random RandomFor(string role) => new(BitConverter.ToInt32(Bytes(seed, role)));

    private static FeedId IdOf(int seed, int identity)
    {
        using KeyPair keys = KeyPair.FromSeed(Bytes(seed, $"identity {identity}"));
        return keys.Id;
    }

    private static byte[] Bytes(int seed, string what) => SHA256.HashData(Encoding.UTF8.GetBytes($"soak {seed} {what}"));
}
