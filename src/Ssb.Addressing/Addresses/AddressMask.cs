using System.Text;

namespace Ssb;

// What is known to be public, by the protocol of a part; the rest of a part becomes "***":
//
//   net, onion    the host and the port, if they are that
//   ws, wss       the same; neither a user before the host nor what follows the port, which may hold a token
//   unix          the path: who knows it still needs the permission of the file system
//   tunnel        the two feed ids
//   shs           the key, if it is 32 bytes; what follows is the seed of an invite
//   noauth        a feed id
//   others        nothing: forks put seeds into parts of their own
internal static class AddressMask
{
    private const string Hidden = MultiserverAddress.Hidden;
    private const int LongestName = 16; // a seed in lower-case hexadecimal has the syntax of a name, and is longer
    private const int ShortestHidden = 3; // what is shorter is not a secret, and occurs in every text
    private static readonly char[] s_separators = ['/', '?', '#', '&', '=', '@']; // of a URL

    /// <summary>The text of these routes as it is shown: the text itself if all of it is public.</summary>
    public static string Show(IReadOnlyList<MultiserverRoute> routes)
    {
        var text = new StringBuilder();
        foreach (MultiserverRoute route in routes)
            Append(text.Length == 0 ? text : text.Append(';'), route);
        return text.ToString();
    }

    /// <summary>Appends a route as it is shown.</summary>
    public static void Append(StringBuilder text, MultiserverRoute route)
    {
        Append(text, route.Protocols[0], route);
        for (int i = 1; i < route.Protocols.Count; i++)
            Append(text.Append('~'), route.Protocols[i], new MultiserverRoute(route.Protocols[i]));
    }

    /// <summary>The name of a protocol as it is shown.</summary>
    public static string Name(string name) => name.Length <= LongestName ? name : Hidden;

    /// <summary>A text that may repeat an address, such as an error of a host's network, without what the address hides.</summary>
    public static string Hide(string text, MultiserverAddress address)
    {
        IReadOnlyList<MultiserverRoute> routes = address.Routes;
        string shown = Show(routes);
        if (shown == address.Text)
            return text;
        text = text.Replace(address.Text, shown, StringComparison.Ordinal);
        IEnumerable<string> hidden = routes.SelectMany(route => route.Protocols).SelectMany(part => part.Data.Append(part.Name))
            .SelectMany(field => field.Split(s_separators).Prepend(field))
            .Where(word => word.Length >= ShortestHidden && !shown.Contains(word, StringComparison.Ordinal));
        foreach (string word in hidden.Distinct().OrderByDescending(word => word.Length))
            text = text.Replace(word, Hidden, StringComparison.Ordinal);
        return text;
    }

    /// <param name="text">What it is appended to.</param>
    /// <param name="part">The part.</param>
    /// <param name="route">A route that begins with the part, which says what it means.</param>
    private static void Append(StringBuilder text, MultiserverProtocol part, MultiserverRoute route)
    {
        text.Append(Name(part.Name));
        IReadOnlyList<string> data = part.Data;
        switch (part.Name)
        {
            case "net" or "onion":
                AppendHost(text, data, route);
                break;
            case "ws" or "wss":
                AppendUrl(text, data, route);
                break;
            case "tunnel":
                AppendFields(text, data, 2, IsFeedId);
                break;
            case "shs":
                AppendFields(text, data, 1, field => FeedId.ReadPlain(field) is not null);
                break;
            case "noauth":
                AppendFields(text, data, 1, IsFeedId);
                break;
            case "unix":
                AppendFields(text, data, 1, _ => true);
                break;
            default:
                AppendFields(text, data, 0, _ => false);
                break;
        }
    }

    // Up to the first that is not public.
    private static void AppendFields(StringBuilder text, IReadOnlyList<string> data, int count, Func<string, bool> isPublic)
    {
        for (int i = 0; i < data.Count; i++)
        {
            if (data[i].Length >= ShortestHidden && (i >= count || !isPublic(data[i])))
            {
                text.Append(':').Append(Hidden);
                return;
            }

            MultiserverProtocol.AppendField(text, data[i]);
        }
    }

    private static void AppendHost(StringBuilder text, IReadOnlyList<string> data, MultiserverRoute route)
    {
        if (data.Count == 0)
            return;
        if (route.Host is null && data.Count > 1)
            text.Append(':').Append(Hidden);
        for (int i = 0; i < data.Count - 1 && route.Host is not null; i++)
            MultiserverProtocol.AppendField(text, data[i]);
        AppendFields(text, [data[^1]], 1, MultiserverRoute.IsShortNumber);
    }

    private static void AppendUrl(StringBuilder text, IReadOnlyList<string> data, MultiserverRoute route)
    {
        (string before, string user, string place, string after) = MultiserverRoute.SplitUrl(data);
        if (route is { Host: not null, Port: not null } && user.Length == 0 && after is "" or "/")
        {
            foreach (string field in data)
                MultiserverProtocol.AppendField(text, field);
            return;
        }

        if (data.Count == 0)
            return;
        text.Append(':').Append(before).Append(user.Length > 0 ? Hidden + "@" : "").Append(Place(place, route));
        text.Append(after is "" or "/" ? after : after[0] + Hidden);
    }

    private static string Place(string place, MultiserverRoute route)
    {
        if (route.Host is null)
            return place.Length > 0 ? Hidden : "";
        int port = place.LastIndexOf(':') + 1; // what is wrong is the port
        return route.Port is not null || MultiserverRoute.IsShortNumber(place[port..]) ? place : place[..port] + Hidden;
    }

    private static bool IsFeedId(string field) => field.StartsWith('@') && FeedId.ReadPlain(field) is not null;
}
