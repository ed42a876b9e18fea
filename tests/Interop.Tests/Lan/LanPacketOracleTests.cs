using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Interop.Tests.Lan;

/// <summary>The bytes of announcements, made and read by ssb-lan 1.2.3 itself and by us.</summary>
public class LanPacketOracleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Encode_SameSeedAddressAndNetwork_SameBytesAsSsbLan()
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        Packet[] packets = [.. Packets(200)];
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("lanWrite", [.. packets.Select(packet => packet.ToJson())], Cancellation);
        foreach ((Packet packet, JsonElement their) in packets.Zip(theirs))
        {
            using KeyPair keys = packet.Keys();
            byte[] normal = their.GetProperty("normal").GetBytesFromBase64(), legacy = their.GetProperty("legacy").GetBytesFromBase64();
            Assert.Equal(Convert.ToBase64String(normal), Convert.ToBase64String(LanDatagram.EncodeNormal(packet.Address, keys, packet.Network)));
            Assert.Equal(Convert.ToBase64String(legacy), Convert.ToBase64String(LanDatagram.EncodeLegacy(packet.Address)));

            Assert.True(LanDatagram.TryDecodeNormal(normal, packet.Network, ownKey: null, out LanClaim? claim, out _));
            Assert.Equal(new LanClaim(packet.Address, keys.Id), claim);
            Assert.True(LanDatagram.TryDecodeLegacy(legacy, ownKey: null, out claim, out _));
            Assert.Equal(new LanClaim(packet.Address, keys.Id), claim);
        }
    }

    [Fact]
    public async Task Decode_OurPackets_SsbLanReadsAndVerifies()
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        foreach (Packet packet in Packets(40))
        {
            using KeyPair keys = packet.Keys();
            byte[] normal = LanDatagram.EncodeNormal(packet.Address, keys, packet.Network);
            byte[] forged = (byte[])normal.Clone();
            forged[^1] ^= 1;
            IReadOnlyList<JsonElement> read = await oracle.AskAsync(
                "lanRead",
                [
                    Read(packet, LanFormat.Normal, normal), Read(packet, LanFormat.Normal, forged),
                    Read(packet, LanFormat.Legacy, LanDatagram.EncodeLegacy(packet.Address)),
                ],
                Cancellation);
            Assert.Equal((packet.Address.Text, true), (read[0][0].GetString(), read[0][1].GetBoolean()));
            Assert.Equal((packet.Address.Text, false), (read[2][0].GetString(), read[2][1].GetBoolean()));

            // A deliberate difference: they pass on what is wrongly signed as "not verified", we refuse it.
            Assert.Equal((packet.Address.Text, false), (read[1][0].GetString(), read[1][1].GetBoolean()));
            Assert.False(LanDatagram.TryDecodeNormal(forged, packet.Network, ownKey: null, out _, out LanReject reject));
            Assert.Equal(LanReject.BadSignature, reject);
        }
    }

    private static IEnumerable<Packet> Packets(int count)
    {
        var random = new Random(1);
        for (int i = 0; i < count; i++)
        {
            byte seed = (byte)random.Next(256);
            using KeyPair keys = KeyPair.FromSeed([.. Enumerable.Repeat(seed, KeyPair.SeedSize)]);
            string shs = "~shs:" + keys.Id.ToString()[1..45];
            string net = $"net:{random.Next(1, 224)}.{random.Next(256)}.{random.Next(256)}.{random.Next(1, 255)}:{random.Next(1, 65_536)}{shs}";
            string address = random.Next(4) switch
            {
                0 => $"{net};ws://example.com:8989{shs}",
                1 => $"net:fe80::{random.Next(1, 9_999)}:8008{shs}",
                2 => $"net:a\"b\\c!~d:8008{shs}", // what JSON escapes, and what does not belong into a host
                _ => net,
            };
            yield return new Packet(seed, MultiserverAddress.Parse(address), random.Next(2) == 0 ? NetworkKey.Main : NetworkKey.Generate());
        }
    }

    private static string Read(Packet packet, LanFormat format, byte[] bytes) =>
        JsonSerializer.Serialize(new { network = packet.Network.ToBase64(), format = format.ToString(), bytes });

    private sealed record Packet(byte Seed, MultiserverAddress Address, NetworkKey Network)
    {
        public KeyPair Keys() => KeyPair.FromSeed([.. Enumerable.Repeat(Seed, KeyPair.SeedSize)]);

        public string ToJson() => JsonSerializer.Serialize(new { seed = Seed, network = Network.ToBase64(), address = Address.Text });
    }
}
