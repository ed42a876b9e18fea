using System.Text;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Fuzz;

/// <summary>What is fuzzed: each takes any bytes, and throws only when there is a fault.</summary>
internal static class Targets
{
    public static readonly IReadOnlyDictionary<string, Action<byte[]>> All = new Dictionary<string, Action<byte[]>>
    {
        ["address"] = bytes => Address(bytes),
        ["datagram"] = bytes => Datagram(bytes),
        ["boxed-datagram"] = bytes => BoxedDatagram(bytes),
        ["handshake"] = HandshakeTarget.Run,
        ["box-stream"] = BoxStreamTarget.Run,
        ["frames"] = FramesTarget.Run,
        ["data"] = DataTarget.Run,
    };

    // Made at its first use: instrumented code must not run before somebody gave it its map of branches.
    private static KeyPair Keys => field ??= KeyPair.FromSeed(Enumerable.Repeat((byte)1, 32).ToArray());

    /// <summary>Parsing an address, reading it, and writing it again.</summary>
    public static void Address(ReadOnlySpan<byte> bytes)
    {
        string text = Encoding.Latin1.GetString(bytes);
        if (!MultiserverAddress.TryParse(text, out MultiserverAddress? address))
        {
            Require(Throws(() => MultiserverAddress.Parse(text)), "TryParse and Parse disagree.");
            return;
        }

        _ = address.Problem;
        _ = address.ToString();
        FeedId? feedId = address.FeedId;
        Require(feedId is null || FeedId.Parse(feedId.Value.ToString()) == feedId, "A feed id that its text does not give back.");
        Require(MultiserverAddress.Format(address.Routes) == address, "Reading and writing again changed it.");
        foreach (MultiserverRoute route in address.Routes)
            Require(route.Port is null or (>= 1 and <= 65_535), "A port that is none.");
    }

    /// <summary>Both decoders, on raw bytes.</summary>
    public static void Datagram(ReadOnlySpan<byte> bytes)
    {
        Check(LanDatagram.TryDecodeNormal(bytes, NetworkKey.Main, null, out LanClaim? claim, out LanReject reject), claim, reject);
        Check(LanDatagram.TryDecodeLegacy(bytes, Keys.Id, out claim, out reject), claim, reject);
    }

    /// <summary>The normal format, the bytes being what is in the box. Every other input is signed as it should be.</summary>
    public static void BoxedDatagram(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;

        // The first byte decides, so that the fuzzer can.
        bool sign = (bytes[0] & 1) == 1;
        bytes = bytes[1..];
        byte[] datagram = new byte[bytes.Length + NetworkKey.BoxOverhead + KeyPair.SignatureSize];
        NetworkKey.Main.Box(bytes, datagram.AsSpan(0, bytes.Length + NetworkKey.BoxOverhead));
        if (sign)
        {
            try
            {
                Keys.Sign(JavaScriptJson.Indented(bytes), datagram.AsSpan(^KeyPair.SignatureSize..));
            }
            catch (FormatException)
            {
                // Not JSON: nobody can sign it.
            }
        }

        Check(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out LanClaim? claim, out LanReject reject), claim, reject);
    }

    private static void Check(bool decoded, LanClaim? claim, LanReject reject) =>
        Require(decoded == claim is not null && decoded == (reject == LanReject.None), $"{decoded}, {claim}, {reject} do not fit together.");

    private static bool Throws(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (FormatException)
        {
            return true;
        }
    }

    /// <summary>Says that there is a fault, unless all is well.</summary>
    public static void Require(bool condition, string fault)
    {
        if (!condition)
            throw new InvalidDataException(fault);
    }
}
