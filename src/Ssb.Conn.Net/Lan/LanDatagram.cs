// Facts: npm ssb-lan 1.2.3 with ssb-keys 8.5.0.
//   normal: secretbox(compact JSON {"address":"..."}), which is 16 bytes longer than the JSON, under the network key with the
//           first 24 bytes of that key as nonce; then 64 bytes of Ed25519 signature over the same object, indented by two spaces
//   legacy: the address, as plain text
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>What a datagram says once it is checked: this address, of this identity.</summary>
/// <param name="Address">The announced address.</param>
/// <param name="Key">The identity in it.</param>
public sealed record LanClaim(MultiserverAddress Address, FeedId Key);

/// <summary>The bytes of LAN announcements, in both formats.</summary>
/// <remarks>Stateless and thread-safe. Decoding never throws, whatever the bytes are.</remarks>
public static class LanDatagram
{
    /// <summary>
    /// The longest datagram that is read or sent: 1,472 bytes, what fits into one Ethernet frame. Real ones have less than 600.
    /// </summary>
    public const int MaxLength = 1_472;

    private static readonly JsonReaderOptions s_reading = new() { MaxDepth = JsonGate.MaxDepth };

    private const int MinNormal = NetworkKey.BoxOverhead + KeyPair.SignatureSize;

    /// <summary>An announcement in the normal format. That <paramref name="keys"/> are those of the address is not checked here.</summary>
    /// <exception cref="ArgumentException">It would be longer than <see cref="MaxLength"/>.</exception>
    /// <exception cref="ObjectDisposedException">The secret of <paramref name="keys"/> was wiped.</exception>
    public static byte[] EncodeNormal(MultiserverAddress address, KeyPair keys, NetworkKey network)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(network);

        ReadOnlySpan<byte> message = Json(address.Text, "{\"address\":"u8, "}"u8);
        byte[] datagram = new byte[message.Length + MinNormal];
        network.Box(message, datagram.AsSpan(0, message.Length + NetworkKey.BoxOverhead));
        keys.Sign(SignedBytes(address.Text), datagram.AsSpan(message.Length + NetworkKey.BoxOverhead));
        return CheckLength(datagram, nameof(address));
    }

    /// <summary>An announcement in the legacy format.</summary>
    /// <exception cref="ArgumentException">It would be longer than <see cref="MaxLength"/>.</exception>
    public static byte[] EncodeLegacy(MultiserverAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return CheckLength(Encoding.ASCII.GetBytes(address.Text), nameof(address)); // an address is printable ASCII
    }

    /// <summary>Reads a datagram of the normal format and checks its signature.</summary>
    /// <param name="datagram">Any bytes.</param>
    /// <param name="network">The network whose announcements are taken.</param>
    /// <param name="ownKey">Ourselves, whose announcements are refused, or null.</param>
    /// <param name="claim">What it says, signed by whom it says it of.</param>
    /// <param name="reject">Why it was refused.</param>
    /// <remarks>
    /// Unlike ssb-lan, which passes an announcement with a wrong signature on as "not verified", it is refused here: no
    /// honest peer ever sends one. Unlike there, the sealed object must have <c>address</c> and nothing else.
    /// </remarks>
    public static bool TryDecodeNormal(
        ReadOnlySpan<byte> datagram, NetworkKey network, FeedId? ownKey, [NotNullWhen(true)] out LanClaim? claim, out LanReject reject)
    {
        ArgumentNullException.ThrowIfNull(network);
        claim = null;
        if (datagram.Length > MaxLength)
            return Refuse(LanReject.TooLong, out reject);
        if (datagram.Length <= MinNormal)
            return Refuse(LanReject.TooShort, out reject);

        ReadOnlySpan<byte> box = datagram[..^KeyPair.SignatureSize];
        Span<byte> message = stackalloc byte[MaxLength];
        message = message[..(box.Length - NetworkKey.BoxOverhead)];
        if (!network.TryUnbox(box, message))
            return Refuse(LanReject.NotBoxed, out reject);

        Span<char> text = stackalloc char[MaxLength];
        reject = ReadAddress(message, ref text);
        if (reject != LanReject.None || !TryReadClaim(text, ownKey, out claim, out reject))
            return false;

        if (!claim.Key.Verify(SignedBytes(text), datagram[^KeyPair.SignatureSize..]))
        {
            claim = null;
            return Refuse(LanReject.BadSignature, out reject);
        }

        return true;
    }

    /// <summary>Reads a datagram of the legacy format. Anybody can have written it.</summary>
    /// <param name="datagram">Any bytes.</param>
    /// <param name="ownKey">Ourselves, whose announcements are refused, or null.</param>
    /// <param name="claim">What it says.</param>
    /// <param name="reject">Why it was refused.</param>
    public static bool TryDecodeLegacy(
        ReadOnlySpan<byte> datagram, FeedId? ownKey, [NotNullWhen(true)] out LanClaim? claim, out LanReject reject)
    {
        claim = null;
        if (datagram.Length > MaxLength)
            return Refuse(LanReject.TooLong, out reject);
        if (datagram.IsEmpty)
            return Refuse(LanReject.TooShort, out reject);

        // Bytes over 127 become characters over 127, which no address has.
        Span<char> text = stackalloc char[MaxLength];
        text = text[..Encoding.Latin1.GetChars(datagram, text)];
        return TryReadClaim(text, ownKey, out claim, out reject);
    }

    /// <summary>Takes the address out of <c>{"address":"..."}</c>.</summary>
    private static LanReject ReadAddress(ReadOnlySpan<byte> json, ref Span<char> text)
    {
        try
        {
            var reader = new Utf8JsonReader(json, s_reading);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject
                || !reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !JsonGate.IsNamed(reader, "address"u8)
                || !reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                return IsJson(json) ? LanReject.WrongShape : LanReject.NotJson;
            }

            text = text[..reader.CopyString(text)];
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndObject)
                return IsJson(json) ? LanReject.WrongShape : LanReject.NotJson;

            return reader.Read() ? LanReject.NotJson : LanReject.None;
        }
        catch (JsonException)
        {
            return LanReject.NotJson;
        }
        catch (InvalidOperationException)
        {
            // A string that is not UTF-8, or has half a surrogate pair: no address has that.
            return LanReject.BadAddress;
        }
    }

    private static bool IsJson(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, s_reading);
        while (reader.Read())
        {
            // Reading on is the check.
        }

        return true;
    }

    private static bool TryReadClaim(
        ReadOnlySpan<char> text, FeedId? ownKey, [NotNullWhen(true)] out LanClaim? claim, out LanReject reject)
    {
        claim = null;
        if (!MultiserverAddress.TryParse(text, out MultiserverAddress? address))
            return Refuse(LanReject.BadAddress, out reject);

        // The routes that can be dialled say whose it is. What stands in another part, such as shs2, must not lose them.
        if ((address.Routes.FirstOrDefault(route => route.FeedId is not null)?.FeedId ?? address.FeedId) is not { } id)
            return Refuse(LanReject.NoKey, out reject);
        if (id == ownKey)
            return Refuse(LanReject.OwnKey, out reject);

        // A signature by one identity must not vouch for routes to another.
        foreach (MultiserverRoute route in address.Routes)
        {
            if (route.FeedId is not null && route.FeedId != id)
                return Refuse(LanReject.BadAddress, out reject);
        }

        claim = new LanClaim(address, id);
        reject = LanReject.None;
        return true;
    }

    /// <summary>What SSB signs: <c>JSON.stringify({address}, null, 2)</c>.</summary>
    private static ReadOnlySpan<byte> SignedBytes(ReadOnlySpan<char> address) => Json(address, "{\n  \"address\": "u8, "\n}"u8);

    private static ReadOnlySpan<byte> Json(ReadOnlySpan<char> address, ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        var output = new ArrayBufferWriter<byte>(before.Length + address.Length + 8 + after.Length);
        output.Write(before);
        JavaScriptJson.WriteString(address, output);
        output.Write(after);
        return output.WrittenSpan;
    }

    private static byte[] CheckLength(byte[] datagram, string parameter) =>
        datagram.Length <= MaxLength
            ? datagram
            : throw new ArgumentException($"The announcement would take {datagram.Length} bytes, more than {MaxLength}.", parameter);

    private static bool Refuse(LanReject reason, out LanReject reject)
    {
        reject = reason;
        return false;
    }
}
