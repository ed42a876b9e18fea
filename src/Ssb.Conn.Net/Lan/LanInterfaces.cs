using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Ssb.Conn.Net;

/// <summary>An IPv4 address of this machine, with its subnet. An interface may have several.</summary>
internal sealed record LanInterface(string Name, int Index, IPAddress Address, IPAddress Mask)
{
    private readonly uint _address = ToUInt32(Address), _mask = ToUInt32(Mask);

    /// <summary>Where everybody in the subnet listens, or null where there is no such address (/31, /32).</summary>
    public IPAddress? Broadcast => _mask >= 0xFFFF_FFFE || _mask == 0 ? null : FromUInt32(_address | ~_mask);

    public bool HasOnLink(uint host) => _mask != 0 && ((host ^ _address) & _mask) == 0;

    public static uint ToUInt32(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        return address.AddressFamily == AddressFamily.InterNetwork && address.TryWriteBytes(bytes, out _)
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : 0;
    }

    private static IPAddress FromUInt32(uint address)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, address);
        return new IPAddress(bytes);
    }
}

/// <summary>Reads which interfaces there are now.</summary>
internal static class LanInterfaces
{
    /// <summary>The whole of 127.0.0.0/8, for <see cref="LanOptions.Loopback"/>.</summary>
    private static readonly LanInterface s_loopback = new("loopback", 0, IPAddress.Loopback, IPAddress.Parse("255.0.0.0"));

    /// <summary>The addresses to announce to and to take announcements from; none while the network is away.</summary>
    public static IReadOnlyList<LanInterface> Read(LanOptions options)
    {
        if (options.Loopback)
            return [s_loopback];

        var found = new List<LanInterface>();
        foreach (NetworkInterface card in All())
        {
            try
            {
                // Linux says "Unknown" of some kinds that work, tun for one.
                bool up = card.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown;
                bool loopback = card.NetworkInterfaceType == NetworkInterfaceType.Loopback;
                if (!up || (loopback && options.Interface is null) || !card.Supports(NetworkInterfaceComponent.IPv4))
                    continue;

                IPInterfaceProperties properties = card.GetIPProperties();
                int index = properties.GetIPv4Properties()?.Index ?? 0;
                found.AddRange(properties.UnicastAddresses
                    .Where(unicast => unicast.Address.AddressFamily == AddressFamily.InterNetwork)
                    .Where(unicast => options.Interface is null || options.Interface == card.Name
                        || options.Interface == unicast.Address.ToString())
                    .Select(unicast => new LanInterface(card.Name, index, unicast.Address, unicast.IPv4Mask)));
            }
            catch (NetworkInformationException)
            {
                // It went away while we looked; the next reading sees the rest.
            }
        }

        return found;
    }

    private static NetworkInterface[] All()
    {
        try
        {
            return NetworkInterface.GetAllNetworkInterfaces();
        }
        catch (NetworkInformationException)
        {
            return [];
        }
    }
}
