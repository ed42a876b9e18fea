using System.CommandLine;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Commands;

/// <summary>Somebody, by feed id or address.</summary>
/// <param name="Whole">As it goes to the peer.</param>
/// <param name="Shown">For people: a secret in it is masked.</param>
internal sealed record Target(string Whole, string Shown)
{
    /// <summary>The argument of a command.</summary>
    public static Argument<string> Argument() => new("target") { HelpName = "TARGET", Description = "A peer: its feed id (@KEY.ed25519), or a multiserver address" };

    /// <exception cref="MisuseException">It is neither.</exception>
    public static Target Read(string typed)
    {
        if (FeedId.TryParse(typed, out FeedId id))
            return new Target(id.ToString(), id.ToString());
        if (MultiserverAddress.TryParse(typed, out MultiserverAddress? address))
            return new Target(address.Text, address.ToString());
        throw Typed.Wrong("TARGET", "it takes a feed id, such as @KEY.ed25519 with 44 characters of base64 for KEY, or a multiserver address");
    }
}
