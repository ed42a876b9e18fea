using System.Net;

namespace Ssb.Conn.Net.Tests;

/// <summary>Network cards of hosts that are not there.</summary>
internal static class Cards
{
    /// <summary>A card that is up, with addresses such as <c>192.168.1.2/24</c> and <c>fd00::2/64</c>.</summary>
    public static NetworkCard Up(string name, int index, params string[] addresses) =>
        new(name, index, IsUp: true, IsLoopback: false, [.. addresses.Select(Address)]);

    public static CardAddress Address(string text)
    {
        string[] parts = text.Split('/');
        return CardAddress.Of(IPAddress.Parse(parts[0]), int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
    }
}
