using System.Text;
using CsCheck;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

public class LanDatagramTests
{
    private static readonly KeyPair s_keys = Recorded.NewKeys();

    [Theory]
    [InlineData(Recorded.OneRoute, Recorded.OneRoutePacket)]
    [InlineData(Recorded.TwoRoutes, Recorded.TwoRoutesPacket)]
    [InlineData(Recorded.Escapes, Recorded.EscapesPacket)]
    public void TryDecodeNormal_PacketOfSsbLan_IsRead(string address, string packet)
    {
        Assert.True(LanDatagram.TryDecodeNormal(Convert.FromHexString(packet), NetworkKey.Main, null, out LanClaim? claim, out LanReject reject));
        Assert.Equal(address, claim.Address.Text);
        Assert.Equal(Recorded.Id, claim.Key.ToString());
        Assert.Equal(LanReject.None, reject);
    }

    [Theory]
    [InlineData(Recorded.OneRoute, Recorded.OneRoutePacket)]
    [InlineData(Recorded.TwoRoutes, Recorded.TwoRoutesPacket)]
    [InlineData(Recorded.Escapes, Recorded.EscapesPacket)]
    public void EncodeNormal_Address_GivesThePacketOfSsbLan(string address, string packet) =>
        Assert.Equal(packet, Convert.ToHexStringLower(LanDatagram.EncodeNormal(MultiserverAddress.Parse(address), s_keys, NetworkKey.Main)));

    // ssb-lan writes the address as it is.
    [Theory]
    [InlineData(Recorded.OneRoute)]
    [InlineData(Recorded.TwoRoutes)]
    [InlineData(Recorded.Escapes)]
    public void Legacy_Address_IsItsText(string address)
    {
        byte[] datagram = LanDatagram.EncodeLegacy(MultiserverAddress.Parse(address));
        Assert.Equal(address, Encoding.UTF8.GetString(datagram));
        Assert.True(LanDatagram.TryDecodeLegacy(datagram, null, out LanClaim? claim, out _));
        Assert.Equal(address, claim.Address.Text);
        Assert.Equal(Recorded.Id, claim.Key.ToString());
    }

    public static TheoryData<string, LanReject> BadJson => new()
    {
        { "", LanReject.TooShort },
        { "{", LanReject.NotJson },
        { "x", LanReject.NotJson },
        { "[1", LanReject.NotJson },
        { "{\"address\":\"" + Recorded.OneRoute + "\"", LanReject.NotJson },
        { "{\"address\":\"" + Recorded.OneRoute + "\"} x", LanReject.NotJson },
        { "{\"address\":\"" + Recorded.OneRoute + "\",}", LanReject.NotJson },
        { "null", LanReject.WrongShape },
        { "\"" + Recorded.OneRoute + "\"", LanReject.WrongShape },
        { "[\"" + Recorded.OneRoute + "\"]", LanReject.WrongShape },
        { "{}", LanReject.WrongShape },
        { "{\"address\":1}", LanReject.WrongShape },
        { "{\"address\":{}}", LanReject.WrongShape },
        { "{\"other\":\"" + Recorded.OneRoute + "\"}", LanReject.WrongShape },
        { "{\"address\":\"" + Recorded.OneRoute + "\",\"more\":1}", LanReject.WrongShape },
        { "{\"address\":\"" + Recorded.OneRoute + "\",\"address\":\"" + Recorded.OneRoute + "\"}", LanReject.WrongShape },
        { "{\"address\":\"\"}", LanReject.BadAddress },
        { "{\"address\":\"net\u00e9:x~shs:" + Recorded.Key + "\"}", LanReject.BadAddress },
        { "{\"address\":\"\\ud800\"}", LanReject.BadAddress },
        { "{\"address\":\"" + Recorded.OneRoute + "\\n\"}", LanReject.BadAddress },
        { "{\"address\":\"" + Recorded.OneRoute + ";net:1.2.3.4:8008~shs:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=\"}", LanReject.BadAddress },
        { "{\"address\":\"net:192.168.1.23:8008\"}", LanReject.NoKey },
        { "{\"address\":\"net:192.168.1.23:8008~shs:abc\"}", LanReject.NoKey },
    };

    [Theory]
    [MemberData(nameof(BadJson))]
    public void TryDecodeNormal_WrongContentInTheRightBox_IsRejected(string json, LanReject expected)
    {
        byte[] datagram = Box(Encoding.UTF8.GetBytes(json), s_keys, NetworkKey.Main);
        Assert.False(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out LanClaim? claim, out LanReject reject));
        Assert.Equal((expected, null), (reject, claim));
    }

    // Whatever it is: an announcement is an address and nothing else.
    [Theory, MemberData(nameof(NastyJson.All), MemberType = typeof(NastyJson))]
    public void TryDecodeNormal_NastyJson_IsRejected(string what, string json, string? kept)
    {
        Assert.NotEqual(what, kept);
        Assert.SkipWhen(json.Length > 1_000, "It has no place in a datagram.");
        foreach (string text in new[] { json, $$"""{"address":{{json}}}""", $$"""{"address":"{{Recorded.OneRoute}}",{{json[1..]}}""" })
        {
            byte[] datagram = Box(Encoding.UTF8.GetBytes(text), s_keys, NetworkKey.Main);
            Assert.False(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out _, out LanReject reject));
            Assert.Contains(reject, new[] { LanReject.WrongShape, LanReject.NotJson });
        }
    }

    [Fact]
    public void TryDecodeNormal_ContentThatIsNotUtf8_IsRejected()
    {
        byte[] datagram = Box([.. "{\"address\":\""u8, 0xC3, .. "\"}"u8], s_keys, NetworkKey.Main);
        Assert.False(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out _, out LanReject reject));
        Assert.Equal(LanReject.BadAddress, reject);
    }

    [Fact]
    public void TryDecodeNormal_OtherSpellingOfTheSameJson_IsAccepted()
    {
        // The signature is over what JavaScript makes of the object, not over the bytes in the box.
        byte[] json = Encoding.UTF8.GetBytes(" {\n\"\\u0061ddress\" : \"" + Recorded.OneRoute.Replace("/", "\\/", StringComparison.Ordinal) + "\"}\t");
        byte[] datagram = [.. Box(json, s_keys, NetworkKey.Main)[..^64], .. Convert.FromHexString(Recorded.OneRoutePacket)[^64..]];
        Assert.True(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out LanClaim? claim, out _));
        Assert.Equal(Recorded.OneRoute, claim.Address.Text);
    }

    [Fact]
    public void TryDecodeNormal_Lengths_AreLimited()
    {
        foreach ((int length, LanReject expected) in (ReadOnlySpan<(int, LanReject)>)
            [(0, LanReject.TooShort), (80, LanReject.TooShort), (81, LanReject.NotBoxed), (LanDatagram.MaxLength, LanReject.NotBoxed), (LanDatagram.MaxLength + 1, LanReject.TooLong), (70_000, LanReject.TooLong)])
        {
            Assert.False(LanDatagram.TryDecodeNormal(new byte[length], NetworkKey.Main, null, out _, out LanReject reject));
            Assert.Equal(expected, reject);
        }
    }

    [Fact]
    public void TryDecodeNormal_AnotherNetwork_IsNotBoxed()
    {
        byte[] packet = Convert.FromHexString(Recorded.OneRoutePacket);
        Assert.False(LanDatagram.TryDecodeNormal(packet, NetworkKey.Generate(), null, out _, out LanReject reject));
        Assert.Equal(LanReject.NotBoxed, reject);
    }

    [Fact]
    public void TryDecode_OwnKey_IsRejectedInBothFormats()
    {
        Assert.False(LanDatagram.TryDecodeNormal(Convert.FromHexString(Recorded.OneRoutePacket), NetworkKey.Main, s_keys.Id, out _, out LanReject normal));
        Assert.False(LanDatagram.TryDecodeLegacy(Encoding.UTF8.GetBytes(Recorded.OneRoute), s_keys.Id, out _, out LanReject legacy));
        Assert.Equal((LanReject.OwnKey, LanReject.OwnKey), (normal, legacy));
    }

    [Fact]
    public void TryDecodeNormal_SignedBySomebodyElse_IsBadSignature()
    {
        using KeyPair other = Recorded.NewKeys(2);
        byte[] datagram = LanDatagram.EncodeNormal(MultiserverAddress.Parse(Recorded.OneRoute), other, NetworkKey.Main);
        Assert.False(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out LanClaim? claim, out LanReject reject));
        Assert.Equal((LanReject.BadSignature, null), (reject, claim));
    }

    [Fact]
    public void TryDecodeNormal_AnyFlippedBit_IsRejected()
    {
        byte[] packet = Convert.FromHexString(Recorded.OneRoutePacket);
        for (int bit = 0; bit < packet.Length * 8; bit++)
        {
            packet[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(LanDatagram.TryDecodeNormal(packet, NetworkKey.Main, null, out _, out LanReject reject));
            Assert.Equal(bit / 8 < packet.Length - 64 ? LanReject.NotBoxed : LanReject.BadSignature, reject);
            packet[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Theory]
    [InlineData("", LanReject.TooShort)]
    [InlineData("x", LanReject.BadAddress)]
    [InlineData(Recorded.OneRoute + "\n", LanReject.BadAddress)]
    [InlineData("\u00ffnet:1.2.3.4:1~shs:" + Recorded.Key, LanReject.BadAddress)]
    [InlineData("net:1.2.3.4:8008", LanReject.NoKey)]
    public void TryDecodeLegacy_SomethingElse_IsRejected(string text, LanReject expected)
    {
        Assert.False(LanDatagram.TryDecodeLegacy(Encoding.Latin1.GetBytes(text), null, out LanClaim? claim, out LanReject reject));
        Assert.Equal((expected, null), (reject, claim));
    }

    [Fact]
    public void TryDecodeLegacy_Longest_IsReadAndOneMoreIsNot()
    {
        string address = Recorded.OneRoute + ";unix:" + new string('x', LanDatagram.MaxLength - Recorded.OneRoute.Length - 6);
        Assert.True(LanDatagram.TryDecodeLegacy(Encoding.ASCII.GetBytes(address), null, out _, out _));
        Assert.False(LanDatagram.TryDecodeLegacy(Encoding.ASCII.GetBytes(address + "x"), null, out _, out LanReject reject));
        Assert.Equal(LanReject.TooLong, reject);
        Assert.Throws<ArgumentException>(() => LanDatagram.EncodeLegacy(MultiserverAddress.Parse(address + "x")));
        Assert.Throws<ArgumentException>(() => LanDatagram.EncodeNormal(MultiserverAddress.Parse(address), s_keys, NetworkKey.Main));
    }

    [Fact]
    public void EncodeAndDecode_AnyAddress_RoundTrips() => Gen.String[Gen.Char[' ', '~'], 0, 200].Sample(noise =>
    {
        string text = $"net:1.2.3.4:8008~shs:{Recorded.Key};xx:{noise}";
        if (!MultiserverAddress.TryParse(text, out MultiserverAddress? address) || address.Routes.Any(route => route.FeedId is { } id && id.ToString() != Recorded.Id))
            return;

        byte[] datagram = LanDatagram.EncodeNormal(address, s_keys, NetworkKey.Main);
        Assert.True(LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, null, out LanClaim? claim, out LanReject reject), reject.ToString());
        Assert.Equal(address, claim.Address);
    }, iter: Rounds.Of(3_000));

    /// <summary>
    /// A million datagrams, a fifth of them mutated after boxing, the rest before, one in twenty signed by their identity.
    /// That none throws is the point; that every reason occurs shows that they got everywhere.
    /// </summary>
    [Fact]
    public void TryDecode_MillionMutatedDatagrams_NeverThrows()
    {
        const int Count = 1_000_000;
        long[] reasons = new long[Enum.GetValues<LanReject>().Length];
        byte[][] texts =
        [
            .. ((string[])[Recorded.OneRoute, Recorded.TwoRoutes, Recorded.Escapes, "net:fe80::1:8008~shs:" + Recorded.Key, "tunnel:@a.ed25519:@b.ed25519~shs:" + Recorded.Key + ":seed"])
                .Select(text => Encoding.UTF8.GetBytes("{\"address\":\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"}")),
        ];

        Parallel.For(0, Count, new ParallelOptions { CancellationToken = TestContext.Current.CancellationToken }, i =>
        {
            var random = new Random(i);
            byte[] json = [.. texts[i % texts.Length]];
            byte[] datagram;
            FeedId? own = random.Next(50) == 0 ? s_keys.Id : null;
            if (i % 5 == 0)
            {
                datagram = Mutation.Of(Box(json, null, NetworkKey.Main), random);
            }
            else
            {
                json = Mutation.Of(json, random);
                datagram = Box(json, i % 20 == 1 ? s_keys : null, NetworkKey.Main);
            }

            _ = LanDatagram.TryDecodeNormal(datagram, NetworkKey.Main, own, out LanClaim? claim, out LanReject reject);
            Assert.Equal(reject == LanReject.None, claim is not null);
            Interlocked.Increment(ref reasons[(int)reject]);
            _ = LanDatagram.TryDecodeLegacy(json, own, out claim, out reject);
            Assert.Equal(reject == LanReject.None, claim is not null);
        });

        Assert.All(Enum.GetValues<LanReject>().Where(reason => reason != LanReject.NoRoute), // which is judged by where it was heard
            reason => Assert.NotEqual(0, reasons[(int)reason]));
        Assert.Equal(Count, reasons.Sum());
    }

    /// <summary>A datagram with this content, signed if it is an object, as <see cref="LanDatagram.EncodeNormal"/> would not make it.</summary>
    internal static byte[] Box(ReadOnlySpan<byte> content, KeyPair? keys, NetworkKey network)
    {
        byte[] datagram = new byte[content.Length + 80];
        network.Box(content, datagram.AsSpan(0, content.Length + 16));
        if (keys is null)
            return datagram;

        try
        {
            keys.Sign(JavaScriptJson.Indented(content), datagram.AsSpan(content.Length + 16));
        }
        catch (FormatException)
        {
            keys.Sign(content, datagram.AsSpan(content.Length + 16));
        }

        return datagram;
    }
}
