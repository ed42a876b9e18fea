using System.Net.NetworkInformation;
using System.Net.Sockets;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli;

/// <summary>A network interface that <c>--interface</c> may name.</summary>
internal sealed record KnownInterface(string Name, IReadOnlyList<string> Addresses)
{
    /// <summary>All there are, those that are down at the moment included: they may come up while we watch.</summary>
    public static IReadOnlyList<KnownInterface> All()
    {
        var known = new List<KnownInterface>();
        foreach (NetworkInterface card in NetworkInterface.GetAllNetworkInterfaces())
        {
            try
            {
                string[] addresses = [.. card.GetIPProperties().UnicastAddresses
                    .Where(unicast => unicast.Address.AddressFamily == AddressFamily.InterNetwork)
                    .Select(unicast => unicast.Address.ToString())];
                known.Add(new KnownInterface(card.Name, addresses));
            }
            catch (NetworkInformationException)
            {
                // It went away while we looked.
            }
        }

        return known;
    }

    public override string ToString() =>
        $"{TerminalText.Clean(Name)} ({(Addresses.Count == 0 ? "no IPv4 address now" : string.Join(", ", Addresses))})";
}
