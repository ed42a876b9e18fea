using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>An IPv4 address of this machine, with its subnet. A card may have several.</summary>
internal sealed record LanInterface(NetworkCard Card, CardAddress Own)
{
    private readonly uint _address = ToUInt32(Own.Address);
    private readonly uint _mask = Own.Subnet.PrefixLength == 0 ? 0 : uint.MaxValue << (32 - Own.Subnet.PrefixLength);

    public string Name => Card.Name;

    public int Index => Card.Index;

    public IPAddress Address => Own.Address;

    /// <summary>Where everybody in the subnet listens, or null where there is no such address (/31, /32).</summary>
    public IPAddress? Broadcast => _mask >= 0xFFFF_FFFE || _mask == 0 ? null : FromUInt32(_address | ~_mask);

    public bool HasOnLink(uint host) => _mask != 0 && ((host ^ _address) & _mask) == 0;

    public static bool IsIPv4(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork;

    public static uint ToUInt32(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        return IsIPv4(address) && address.TryWriteBytes(bytes, out _) ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : 0;
    }

    private static IPAddress FromUInt32(uint address)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, address);
        return new IPAddress(bytes);
    }
}

/// <summary>Which of the cards are used for the LAN.</summary>
internal static class LanInterfaces
{
    /// <summary>The whole of 127.0.0.0/8, and ::1, for <see cref="LanOptions.Loopback"/>.</summary>
    private static readonly NetworkCard s_loopback = new("loopback", 0, IsUp: true, IsLoopback: true,
        [CardAddress.Of(IPAddress.Loopback, 8), CardAddress.Of(IPAddress.IPv6Loopback, 128)]);

    /// <summary>The addresses to announce from and to take announcements by; none while the network is away.</summary>
    public static IReadOnlyList<LanInterface> Of(HostNetwork network, LanOptions options)
    {
        if (options.Loopback)
            return [new LanInterface(s_loopback, s_loopback.Addresses[0])];
        return [.. network.Cards
            .Where(card => card.IsUp && (!card.IsLoopback || options.Interface is not null))
            .SelectMany(card => card.Addresses
                .Where(own => LanInterface.IsIPv4(own.Address))
                .Where(own => options.Interface is null || options.Interface == card.Name || options.Interface == own.Address.ToString())
                .Select(own => new LanInterface(card, own)))];
    }
}
