// Datagrams with any sender in their IP header, for 10.77.0.255, the broadcast address of the tests' namespaces. The raw socket needs Linux
// and root, which those tests need anyhow. Layout: 20 bytes IPv4 header (RFC 791; the kernel fills in length and checksum), 8 bytes UDP
// header (RFC 768; a checksum of 0 means none), payload.
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Ssb;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Interop.LanPeer;

/// <summary>Sends a bounded number of announcements that nobody wants.</summary>
internal static class Flood
{
    private const int Headers = 28;
    private const int NormalPort = 26_830, LegacyPort = 8_008;
    private static readonly IPAddress s_everybody = IPAddress.Parse("10.77.0.255");

    public static async Task<JsonObject> RunAsync(FloodOptions options)
    {
        TimeProvider time = TimeProvider.System;
        var random = new Random(1);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw) { EnableBroadcast = true };
        var target = new IPEndPoint(s_everybody, 0);
        byte[] packet = new byte[Headers + LanDatagram.MaxLength];
        byte[][] replayed = options.Kind == "replay" ? [.. options.Recorded, .. Enumerable.Range(0, 200).Select(_ => Signed(random))] : [];
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5), time);
        long start = time.GetTimestamp();
        int sent = 0;
        while (sent < options.Count)
        {
            int due = (int)Math.Min(options.Count, time.GetElapsedTime(start).TotalSeconds * options.PerSecond);
            for (; sent < due; sent++)
            {
                bool legacy = options.Kind == "unsigned" || (options.Kind == "mixed" && sent % 2 == 0);
                byte[] payload = options.Kind == "replay" ? replayed[sent % replayed.Length] : legacy ? Unsigned(random) : Signed(random);
                string from = options.From == "subnet" ? $"10.77.0.{random.Next(2, 240)}" : options.From;
                Write(packet, IPAddress.Parse(from), legacy ? LegacyPort : NormalPort, payload);
                socket.SendTo(packet.AsSpan(0, Headers + payload.Length), SocketFlags.None, target);
            }

            await tick.WaitForNextTickAsync();
        }

        return new JsonObject { ["flooded"] = sent, ["seconds"] = time.GetElapsedTime(start).TotalSeconds };
    }

    private static byte[] Unsigned(Random random)
    {
        byte[] key = new byte[FeedId.Size];
        random.NextBytes(key);
        return LanDatagram.EncodeLegacy(Address(random, new FeedId(key)));
    }

    private static byte[] Signed(Random random)
    {
        byte[] seed = new byte[KeyPair.SeedSize];
        random.NextBytes(seed);
        using KeyPair keys = KeyPair.FromSeed(seed);
        return LanDatagram.EncodeNormal(Address(random, keys.Id), keys, NetworkKey.Main);
    }

    private static MultiserverAddress Address(Random random, FeedId id) =>
        MultiserverAddress.Parse($"net:10.77.0.{random.Next(2, 240)}:{random.Next(1, 65_536)}~shs:{id.ToString()[1..45]}");

    private static void Write(Span<byte> packet, IPAddress from, int port, ReadOnlySpan<byte> payload)
    {
        packet[..Headers].Clear();
        packet[0] = 0x45; // version 4, five words of header
        packet[8] = 64; // hops to live
        packet[9] = 17; // UDP
        from.TryWriteBytes(packet[12..16], out _);
        s_everybody.TryWriteBytes(packet[16..20], out _);
        BinaryPrimitives.WriteUInt16BigEndian(packet[20..], (ushort)port);
        BinaryPrimitives.WriteUInt16BigEndian(packet[22..], (ushort)port);
        BinaryPrimitives.WriteUInt16BigEndian(packet[24..], (ushort)(8 + payload.Length));
        payload.CopyTo(packet[Headers..]);
    }
}
