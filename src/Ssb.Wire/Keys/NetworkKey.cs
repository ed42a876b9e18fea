using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>
/// The 32 bytes that all peers of one SSB network share, called <c>caps.shs</c> in the JavaScript modules: who does not
/// know them can neither shake hands with its peers nor read their announcements.
/// </summary>
/// <remarks>Immutable. The key of a private network is a capability, so <see cref="ToString"/> does not print it.</remarks>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class NetworkKey : IEquatable<NetworkKey>
{
    /// <summary>Bytes of a network key: 32.</summary>
    public const int Size = SecretBox.KeySize;

    /// <summary>By how many bytes a box is longer than what is in it: 16.</summary>
    public const int BoxOverhead = SecretBox.MacSize;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] _key;

    private NetworkKey(byte[] key) => _key = key;

    /// <summary>The public network that nearly everybody is on: <c>shs</c> of npm <c>ssb-caps</c> 1.1.0.</summary>
    public static NetworkKey Main { get; } = Parse("1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=");

    /// <summary>A new random key: a network of one's own.</summary>
    public static NetworkKey Generate()
    {
        byte[] key = new byte[Size];
        SodiumLibrary.FillRandom(key);
        return new NetworkKey(key);
    }

    /// <summary>The key with these bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="key"/> is not 32 bytes.</exception>
    public static NetworkKey FromBytes(ReadOnlySpan<byte> key) =>
        key.Length == Size
            ? new NetworkKey(key.ToArray())
            : throw new ArgumentException($"A network key is {Size} bytes, not {key.Length}.", nameof(key));

    /// <summary>Reads a key from 44 characters of base64, as it stands in an SSB configuration.</summary>
    /// <exception cref="FormatException">The text is anything else. The message does not repeat it.</exception>
    public static NetworkKey Parse(ReadOnlySpan<char> base64) =>
        TryParse(base64, out NetworkKey? key)
            ? key
            : throw new FormatException("Not a network key: expected 44 characters of base64 that hold 32 bytes.");

    /// <summary><see cref="Parse"/> without the exception.</summary>
    public static bool TryParse(ReadOnlySpan<char> base64, [NotNullWhen(true)] out NetworkKey? key)
    {
        key = null;
        byte[] bytes = new byte[Size];
        if (base64.Length != 44
            || !Convert.TryFromBase64Chars(base64, bytes, out int written)
            || written != Size
            || !base64.SequenceEqual(Convert.ToBase64String(bytes)))
        {
            return false;
        }

        key = new NetworkKey(bytes);
        return true;
    }

    /// <summary>The 32 bytes, for the handshake.</summary>
    internal ReadOnlySpan<byte> Span => _key;

    /// <summary>The key as base64, for writing it into a configuration.</summary>
    public string ToBase64() => Convert.ToBase64String(_key);

    /// <summary>
    /// Seals a message for everybody on this network, as ssb-lan does: secretbox under the key, with the first 24 bytes
    /// of that same key as its nonce. Equal messages therefore give equal boxes, and the box hides nothing from who has the key.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="box"/> is not exactly 16 bytes longer than the message.</exception>
    public void Box(ReadOnlySpan<byte> message, Span<byte> box)
    {
        if (box.Length != message.Length + BoxOverhead)
            throw new ArgumentException($"The box needs {message.Length + BoxOverhead} bytes, not {box.Length}.", nameof(box));

        SecretBox.Seal(message, _key.AsSpan(0, SecretBox.NonceSize), _key, box);
    }

    /// <summary>Opens what <see cref="Box"/> sealed.</summary>
    /// <param name="box">The sealed bytes, from anywhere.</param>
    /// <param name="message">Where the message goes, 16 bytes shorter than the box.</param>
    /// <returns>false if it was not sealed with this key.</returns>
    /// <exception cref="ArgumentException"><paramref name="message"/> has the wrong length for the box.</exception>
    public bool TryUnbox(ReadOnlySpan<byte> box, Span<byte> message)
    {
        if (box.Length < BoxOverhead)
            return false;
        if (message.Length != box.Length - BoxOverhead)
            throw new ArgumentException($"The message has {box.Length - BoxOverhead} bytes, not {message.Length}.", nameof(message));

        return SecretBox.TryOpen(box, _key.AsSpan(0, SecretBox.NonceSize), _key, message);
    }

    /// <inheritdoc/>
    public bool Equals(NetworkKey? other) => other is not null && CryptographicOperations.FixedTimeEquals(_key, other._key);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NetworkKey);

    /// <inheritdoc/>
    public override int GetHashCode() => BitConverter.ToInt32(_key, 0);

    /// <summary>Which network, without its key: "main network key" or "private network key".</summary>
    public override string ToString() => Equals(Main) ? "main network key" : "private network key";
}
