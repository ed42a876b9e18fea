using System.Net.NetworkInformation;
using System.Net.Sockets;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli;

/// <summary>A network interface that <c>--interface</c> may name.</summary>
internal sealed record KnownInterface(string Name, IReadOnlyList<string> Addresses)
{
    /// <summary>Those that are up and have an IPv4 address.</summary>
    public static IReadOnlyList<KnownInterface> All()
    {
        var known = new List<KnownInterface>();
        foreach (NetworkInterface card in NetworkInterface.GetAllNetworkInterfaces())
        {
            if (card.OperationalStatus is not (OperationalStatus.Up or OperationalStatus.Unknown))
                continue;
            try
            {
                string[] addresses = [.. card.GetIPProperties().UnicastAddresses
                    .Where(unicast => unicast.Address.AddressFamily == AddressFamily.InterNetwork)
                    .Select(unicast => unicast.Address.ToString())];
                if (addresses.Length > 0)
                    known.Add(new KnownInterface(card.Name, addresses));
            }
            catch (NetworkInformationException)
            {
                // It went away while we looked.
            }
        }

        return known;
    }

    public override string ToString() => $"{TerminalText.Clean(Name)} ({string.Join(", ", Addresses)})";
}
